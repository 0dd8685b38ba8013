-- Deletes applied entries of the inbox and counts them; once, since a repeat finds none of them. All ids
-- go in one command: one by one they cost three times as much.
-- KEYS: inbox, figures
-- ARGV: group, number of ids, the ids, then for each figure: name, number
-- Returns: number of entries deleted
local inbox, figures, group, ids = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2])
local FIRST = 3
if ids == 0 then return 0 end
redis.call('XACK', inbox, group, unpack(ARGV, FIRST, FIRST + ids - 1))
local deleted = redis.call('XDEL', inbox, unpack(ARGV, FIRST, FIRST + ids - 1))
if deleted > 0 then
  for i = FIRST + ids, #ARGV, 2 do redis.call('HINCRBY', figures, ARGV[i], ARGV[i + 1]) end
end
return deleted
