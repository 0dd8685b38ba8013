-- Writes down that a flight is about to be posted, before it is: from here on a crash leaves its
-- messages in doubt. Renews the lease and re-reads the lane's status. Idempotent.
-- KEYS: meta, stats, flights, flight
-- ARGV: batch id, owner, try (1, 2 … of this flight), lease in ms, messages in this request
-- Returns: {'ok' or 'lost' or the status that forbids it, journal, now in ms,
--           messages of the lane that evidence knows although their jobs exist, 1 if a receipt has named this
--           batch and none of its messages}
-- include: clock
local meta, stats, flights, flight = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local batch, owner, try, lease, n = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local now = now_ms()

local lane = redis.call('HMGET', meta, 'status', 'journal', 'early_news')
local is = redis.call('HMGET', flight, 'owner', 'tries', 'held')
local journal, early, held = tonumber(lane[2] or 0), tonumber(lane[3] or 0), is[3] and 1 or 0
if is[1] ~= owner then return { 'lost', journal, now, early, held } end
if lane[1] ~= 'sending' then return { lane[1] or 'gone', journal, now, early, held } end
redis.call('ZADD', flights, now + lease, batch)
if try > tonumber(is[2]) then
  redis.call('HSET', flight, 'phase', 'posting', 'tries', try, 'posted_at', now)
  redis.call('HINCRBY', stats, 'requests', 1)
  redis.call('HINCRBY', stats, 'posted', n)
  journal = redis.call('HINCRBY', meta, 'journal', 1)
end
return { 'ok', journal, now, early, held }
