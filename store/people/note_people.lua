-- Notes the last change of some data about people of a scope, so that empty scopes are not queried.
-- KEYS: people
-- ARGV: kind of data, ms since 1970 ('' = now; never later)
-- Returns: the stored time
-- include: clock
local people, name, at = KEYS[1], ARGV[1], tonumber(ARGV[2])
local now = now_ms()
local known, latest = tonumber(redis.call('HGET', people, name) or -1), math.min(at or now, now)
if latest > known then redis.call('HSET', people, name, string.format('%.0f', latest)) end
return math.max(known, latest)
