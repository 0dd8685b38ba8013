-- Marks a batch as about to be posted: from here on a crash leaves its messages in doubt. Renews the
-- lease and re-reads the lane's status. Idempotent.
-- KEYS: meta, stats, batches, batch
-- ARGV: batch id, owner, attempt (1, 2 … of this batch), lease in ms, messages in this request
-- Returns: {'ok' or 'lost' or the status that forbids it, revision, now in ms,
--           messages of the lane with an early status update, 1 if a receipt has named this batch and
--           none of its messages}
-- include: clock
local meta, stats, claimed_batches, claimed_batch = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local batch, owner, try, lease, n = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local now = now_ms()

local lane = redis.call('HMGET', meta, 'status', 'revision', 'early_updates')
local is = redis.call('HMGET', claimed_batch, 'owner', 'tries', 'held')
local revision, early, held = tonumber(lane[2] or 0), tonumber(lane[3] or 0), is[3] and 1 or 0
if is[1] ~= owner then return { 'lost', revision, now, early, held } end
if lane[1] ~= 'sending' then return { lane[1] or 'gone', revision, now, early, held } end
redis.call('ZADD', claimed_batches, now + lease, batch)
if try > tonumber(is[2]) then
  redis.call('HSET', claimed_batch, 'phase', 'posting', 'tries', try, 'posted_at', now)
  redis.call('HINCRBY', stats, 'requests', 1)
  redis.call('HINCRBY', stats, 'posted', n)
  revision = redis.call('HINCRBY', meta, 'revision', 1)
end
return { 'ok', revision, now, early, held }
