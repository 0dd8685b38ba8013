-- Opens a session of the page.
-- KEYS: session
-- ARGV: id of its token, lifetime in ms, idle timeout in ms
-- Returns: nothing
-- include: clock
local session, token, lasts, idle = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local ends = now_ms() + lasts
local value = string.format('%d %d %s', ends, idle, token)
redis.call('SET', session, value, 'PX', string.format('%d', math.min(lasts, idle)))
return false
