-- Reads a lane and its figures at one moment.
-- KEYS: meta, counts, codes, stats
-- Returns: four lists of field, value, field, value …
local hashes = {}
for i, key in ipairs(KEYS) do hashes[i] = redis.call('HGETALL', key) end
return hashes
