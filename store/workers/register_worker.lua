-- Registers a dispatcher of one kind, or renews its lease.
-- KEYS: dispatchers, calling
-- ARGV: id of the loop, lease in ms, 1 when it starts, or a requested task has come
-- Returns: running dispatchers of its kind
-- include: clock
local dispatchers, calling = KEYS[1], KEYS[2]
local id, lease, starts = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local now = now_ms()
redis.call('ZREMRANGEBYSCORE', dispatchers, '-inf', now)
redis.call('ZADD', dispatchers, now + lease, id)
if starts == '1' then redis.call('DEL', calling) end
return redis.call('ZCARD', dispatchers)
