-- Searches some entries of a stream of bodies for a text: so many, or until they are half a megabyte.
-- KEYS: stream
-- ARGV: the text, start id, most entries
-- Returns: {next start id ('' = done), id, sizes of the bodies ('' = one body), bodies, id …}
local stream, text, from, most = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local MOST_BYTES = 524288
local found, bytes = { '' }, 0
for _ = 1, most do
  local entry = redis.call('XRANGE', stream, from, '+', 'COUNT', 1)[1]
  if not entry then return found end
  local fields = entry[2]
  local bodies = fields[#fields]
  if string.find(bodies, text, 1, true) then
    found[#found + 1], found[#found + 2], found[#found + 3] = entry[1], #fields == 4 and fields[2] or '', bodies
  end
  from, bytes = '(' .. entry[1], bytes + #bodies
  if bytes >= MOST_BYTES then break end
end
found[1] = from
return found
