-- Notes when something was last known of the people of a scope, so that nothing is asked about where there is
-- nothing.
-- KEYS: people
-- ARGV: what it is, ms since 1970 ('' = now; never later)
-- Returns: the time that stands there now
-- include: clock
local people, name, at = KEYS[1], ARGV[1], tonumber(ARGV[2])
local now = now_ms()
local known, latest = tonumber(redis.call('HGET', people, name) or -1), math.min(at or now, now)
if latest > known then redis.call('HSET', people, name, string.format('%.0f', latest)) end
return math.max(known, latest)
