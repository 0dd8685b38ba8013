-- Deletes applied entries of the inbox and counts them; once, since a repeat finds none of them.
-- KEYS: inbox, figures
-- ARGV: group, number of ids, the ids, for each of them its number of bodies, then for each figure:
--       name, number
-- Returns: number of bodies deleted
local inbox, figures, group, ids = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2])
local FIRST = 3
if ids == 0 then return 0 end
redis.call('XACK', inbox, group, unpack(ARGV, FIRST, FIRST + ids - 1))
local deleted = 0
for i = FIRST, FIRST + ids - 1 do
  if redis.call('XDEL', inbox, ARGV[i]) == 1 then deleted = deleted + tonumber(ARGV[i + ids]) end
end
if deleted > 0 then
  redis.call('HINCRBY', figures, 'waiting', -deleted)
  for i = FIRST + 2 * ids, #ARGV, 2 do redis.call('HINCRBY', figures, ARGV[i], ARGV[i + 1]) end
end
return deleted
