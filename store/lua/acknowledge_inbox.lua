-- Deletes entries of the inbox that have been dealt with, and counts what they were; once, since a repeat
-- finds none of them.
-- KEYS: inbox, figures
-- ARGV: group, number of ids, the ids, then for each figure: name, how many
-- Returns: how many were still there
local inbox, figures, group, ids = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2])
local FIRST = 3
local deleted = 0
for i = FIRST, FIRST + ids - 1 do
  redis.call('XACK', inbox, group, ARGV[i])
  deleted = deleted + redis.call('XDEL', inbox, ARGV[i])
end
if deleted > 0 then
  for i = FIRST + ids, #ARGV, 2 do redis.call('HINCRBY', figures, ARGV[i], ARGV[i + 1]) end
end
return deleted
