-- Gives a consumer its unacknowledged entries again. If there are none, it takes over those of consumers
-- that have died or hang. Deletes consumers without entries that were not seen for long.
-- KEYS: inbox
-- ARGV: group, consumer, least ms since an entry was taken, most entries, ms after which an idle
--       consumer is deleted
-- Returns: id, body, id, body … oldest first
-- include: inbox
local inbox = KEYS[1]
local group, consumer, idle, most, long = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
ensure_group(inbox, group)
local own = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', most, 'STREAMS', inbox, '0')
local left = own and #own > 0 and (own[2] or own[1][2]) or {} -- fakeredis leaves out the list of streams
if #left > 0 then return flat(left) end
local reply = redis.call('XAUTOCLAIM', inbox, group, consumer, idle, '0-0', 'COUNT', most)
for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', inbox, group)) do
  local is = {}
  for i = 1, #row, 2 do is[row[i]] = row[i + 1] end
  if is.name ~= consumer and is.pending == 0 and is.idle >= long then
    redis.call('XGROUP', 'DELCONSUMER', inbox, group, is.name)
  end
end
return flat(reply[2])
