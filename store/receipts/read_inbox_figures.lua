-- Reads the size and the counts of an inbox.
-- KEYS: inbox, figures
-- Returns: {entries, id of the oldest ('' = none), now in ms, the figures as name, number …}
-- include: clock
local inbox, figures = KEYS[1], KEYS[2]
local oldest = redis.call('XRANGE', inbox, '-', '+', 'COUNT', 1)
local flat = redis.call('HGETALL', figures)
return { redis.call('XLEN', inbox), oldest[1] and oldest[1][1] or '', now_ms(), flat }
