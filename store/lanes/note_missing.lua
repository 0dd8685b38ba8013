-- Notes that a lane is gone that a worker knew as unfinished. Keeps the highest number that a worker
-- reports.
-- KEYS: missing
-- ARGV: lane, messages sent as far as the worker knows, seconds for which the note is kept
-- Returns: messages sent as far as any worker knows
local missing, lane, sent, seconds = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3]
local before = tonumber(redis.call('HGET', missing, lane) or 0)
redis.call('HSET', missing, lane, math.max(before, sent))
redis.call('EXPIRE', missing, seconds)
return math.max(before, sent)
