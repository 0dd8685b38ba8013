-- Wakes a running drain loop; where there are too few, says that a Celery task should be sent, and says
-- so only once until it has started or half a minute has passed.
-- KEYS: drains, wake, calling
-- ARGV: drain loops wanted
-- Returns: 1 if the caller should send a drain task, else 0
-- include: clock
local drains, wake, calling = KEYS[1], KEYS[2], KEYS[3]
local wanted = tonumber(ARGV[1])
local CALL_MS = 30000
redis.call('ZREMRANGEBYSCORE', drains, '-inf', now_ms())
local running = redis.call('ZCARD', drains)
if running > redis.call('LLEN', wake) then redis.call('LPUSH', wake, 1) end
if running >= wanted then return 0 end
return redis.call('SET', calling, 1, 'NX', 'PX', CALL_MS) and 1 or 0
