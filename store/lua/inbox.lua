-- Creates the inbox and its only group, which reads from the oldest entry, unless they exist.
local function ensure_group(inbox, group)
  if redis.call('EXISTS', inbox) == 1 and #redis.call('XINFO', 'GROUPS', inbox) > 0 then return end
  redis.call('XGROUP', 'CREATE', inbox, group, '0', 'MKSTREAM')
end

-- Entries as id, sizes of the bodies, bodies, id …; sizes are '' for an entry with one body. They are
-- read a few at a time until there are `most` entries, or a megabyte: their sizes are not known before.
local FEW, ENOUGH_BYTES = 16, 1048576
local function gather(most, from, read)
  local out, n, bytes = {}, 0, 0
  repeat
    local entries = read(math.min(FEW, most - n), from)
    for _, entry in ipairs(entries) do
      local fields = entry[2]
      if fields then -- else it was deleted meanwhile
        local bodies = fields[#fields]
        bytes = bytes + #bodies
        out[#out + 1], out[#out + 2], out[#out + 3] = entry[1], #fields == 4 and fields[2] or '', bodies
      end
      from = entry[1]
    end
    n = n + #entries
  until #entries == 0 or n >= most or bytes >= ENOUGH_BYTES
  return out
end
local function read_group(inbox, group, consumer, count, from)
  local reply = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', count, 'STREAMS', inbox, from)
  if not reply or #reply == 0 then return {} end
  return reply[2] or reply[1][2] -- fakeredis leaves out the list of streams
end
