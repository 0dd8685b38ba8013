-- Takes back flights whose lease has run out: what was only claimed returns to the queue, what was
-- about to be posted is in doubt and is parked.
-- KEYS: meta, counts, queue, flights, parked
-- ARGV: prefix of flights, prefix of parks, most flights, ms to wait for evidence
-- Returns: {messages back in the queue, messages parked}
-- include: clock
local meta, counts, queue, flights, parked = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local flight_prefix, park_prefix, most, settle_after =
  ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local now = now_ms()

local back, doubtful = 0, 0
for _, batch in ipairs(redis.call('ZRANGEBYSCORE', flights, '-inf', now, 'LIMIT', 0, most)) do
  local flight = flight_prefix .. batch
  local is = redis.call('HMGET', flight, 'phase', 'n', 'jobs')
  if is[1] == 'claimed' then
    redis.call('LPUSH', queue, is[3])
    redis.call('DEL', flight)
    back = back + tonumber(is[2])
  elseif is[1] then
    redis.call('HSET', flight, 'owner', '')
    redis.call('RENAME', flight, park_prefix .. batch)
    redis.call('ZADD', parked, now + settle_after, batch)
    doubtful = doubtful + tonumber(is[2])
  end
  redis.call('ZREM', flights, batch)
end
if back + doubtful > 0 then
  redis.call('HINCRBY', counts, 'in_flight', -(back + doubtful))
  if back > 0 then redis.call('HINCRBY', counts, 'queued', back) end
  if doubtful > 0 then redis.call('HINCRBY', counts, 'parked', doubtful) end
  redis.call('HINCRBY', meta, 'journal', 1)
end
return { back, doubtful }
