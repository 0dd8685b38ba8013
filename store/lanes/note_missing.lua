-- Notes that a lane is gone that a worker knew to be unfinished. Of several workers the one that knows
-- most is believed.
-- KEYS: missing
-- ARGV: lane, messages that had gone out as far as the worker knows, seconds for which it is kept
-- Returns: messages that had gone out as far as any worker knows
local missing, lane, sent, seconds = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3]
local before = tonumber(redis.call('HGET', missing, lane) or 0)
redis.call('HSET', missing, lane, math.max(before, sent))
redis.call('EXPIRE', missing, seconds)
return math.max(before, sent)
