-- Stores webhook bodies that arrived at the same time as one entry: their sizes, and their
-- concatenation.
-- KEYS: inbox, figures
-- ARGV: number of bodies (0 = none; a full server refuses even that), sizes separated by commas, the
--       bodies
-- Returns: id of the entry ('' = none)
local inbox, figures, n, sizes, bodies = KEYS[1], KEYS[2], tonumber(ARGV[1]), ARGV[2], ARGV[3]
if n == 0 then return '' end
redis.call('HINCRBY', figures, 'waiting', n)
return redis.call('XADD', inbox, '*', 'sizes', sizes, 'bodies', bodies)
