-- Gives a consumer its unacknowledged entries again. If there are none, it takes over those of consumers
-- that have died or hang. Deletes consumers without entries that were not seen for long.
-- KEYS: inbox
-- ARGV: group, consumer, least ms since an entry was taken, most entries, ms after which an idle
--       consumer is deleted
-- Returns: id, sizes of the bodies, bodies, id … oldest first
-- include: inbox
local inbox = KEYS[1]
local group, consumer, idle, most, long = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
ensure_group(inbox, group)
local own = gather(most, '0', function(count, from) return read_group(inbox, group, consumer, count, from) end)
if #own > 0 then return own end
local cursor = '0-0'
local found = gather(most, cursor, function(count)
  if not cursor then return {} end
  local reply = redis.call('XAUTOCLAIM', inbox, group, consumer, idle, cursor, 'COUNT', count)
  cursor = reply[1] ~= '0-0' and reply[1]
  return reply[2]
end)
for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', inbox, group)) do
  local is = {}
  for i = 1, #row, 2 do is[row[i]] = row[i + 1] end
  if is.name ~= consumer and is.pending == 0 and is.idle >= long then
    redis.call('XGROUP', 'DELCONSUMER', inbox, group, is.name)
  end
end
return found
