-- Replaces kept values of some messages of a lane, or a part of a kept file, unless they have changed
-- meanwhile.
-- KEYS: values of a thousand messages, or parts of a file
-- ARGV: field, its value as it was read, the new one
-- Returns: 1 if it was replaced, else 0
local values, field, old, new = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
if redis.call('HGET', values, field) ~= old then return 0 end
redis.call('HSET', values, field, new)
return 1
