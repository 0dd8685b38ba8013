-- Notes that the data have been brought to a layout; a slower process that ends an earlier step comes too late.
-- KEYS: schema
-- ARGV: number of the layout
-- Returns: the number that stands there now
local schema, number = KEYS[1], tonumber(ARGV[1])
local now = math.max(tonumber(redis.call('GET', schema) or 0), number)
redis.call('SET', schema, now)
return now
