-- Creates the inbox and its only group, which reads from the oldest entry, unless they exist.
local function ensure_group(inbox, group)
  if redis.call('EXISTS', inbox) == 1 and #redis.call('XINFO', 'GROUPS', inbox) > 0 then return end
  redis.call('XGROUP', 'CREATE', inbox, group, '0', 'MKSTREAM')
end

-- Entries of a stream as id, body, id, body …
local function flat(entries)
  local out = {}
  for _, entry in ipairs(entries) do
    if entry[2] then -- else it was deleted meanwhile
      out[#out + 1] = entry[1]
      out[#out + 1] = entry[2][2]
    end
  end
  return out
end
