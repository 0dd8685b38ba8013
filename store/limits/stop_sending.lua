-- Notes that an operator has stopped sending. An existing stop stays as it is.
-- KEYS: stops
-- ARGV: scope and sub-account, reason
-- Returns: 1 if it was noted, else 0
-- include: clock
local stops, what, reason = KEYS[1], ARGV[1], ARGV[2]
return redis.call('HSETNX', stops, what, cjson.encode({ reason = reason, since = string.format('%.0f', now_ms()) }))
