-- Reads the size and the counts of an inbox.
-- KEYS: inbox, figures
-- Returns: {bodies, id of the oldest entry ('' = none), now in ms, the figures as name, number …}
-- include: clock
local inbox, figures = KEYS[1], KEYS[2]
local entries = redis.call('XLEN', inbox)
local oldest = redis.call('XRANGE', inbox, '-', '+', 'COUNT', 1)
local waiting = entries > 0 and math.max(entries, tonumber(redis.call('HGET', figures, 'waiting') or 0)) or 0
return { waiting, oldest[1] and oldest[1][1] or '', now_ms(), redis.call('HGETALL', figures) }
