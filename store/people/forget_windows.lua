-- Deletes closed service windows, or marks of unreachable people whose time is over, a few at a time.
-- KEYS: windows, or unreachable people
-- ARGV: most
-- Returns: number deleted
-- include: clock
local windows, most = KEYS[1], ARGV[1]
local closed = redis.call('ZRANGEBYSCORE', windows, '-inf', now_ms(), 'LIMIT', 0, most)
for _, who in ipairs(closed) do redis.call('ZREM', windows, who) end
return #closed
