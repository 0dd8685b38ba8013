-- Raises the number of the layout; it never goes down when a slower process ends an earlier step.
-- KEYS: schema
-- ARGV: number of the layout
-- Returns: the present number
local schema, number = KEYS[1], tonumber(ARGV[1])
local now = math.max(tonumber(redis.call('GET', schema) or 0), number)
redis.call('SET', schema, now)
return now
