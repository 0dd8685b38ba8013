-- Deletes entries of the inbox that have been dealt with. Idempotent.
-- KEYS: inbox
-- ARGV: group, then ids
-- Returns: how many were still there
local inbox, group = KEYS[1], ARGV[1]
local deleted = 0
for i = 2, #ARGV do
  redis.call('XACK', inbox, group, ARGV[i])
  deleted = deleted + redis.call('XDEL', inbox, ARGV[i])
end
return deleted
