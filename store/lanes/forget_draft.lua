-- Removes the kept files of a draft whose launch has loaded them.
-- KEYS: meta, then the kept files
-- ARGV: -
-- Returns: number of keys and fields removed
local removed = redis.call('HDEL', KEYS[1], 'draft')
for i = 2, #KEYS do removed = removed + redis.call('UNLINK', KEYS[i]) end
return removed
