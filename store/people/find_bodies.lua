-- Searches some entries of a stream of bodies for a text.
-- KEYS: stream
-- ARGV: the text, start id, most entries
-- Returns: {next start id ('' = done), id, sizes of the bodies ('' = one body), bodies, id …}
local stream, text, from, most = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local entries = redis.call('XRANGE', stream, from, '+', 'COUNT', most)
local found = { #entries == most and '(' .. entries[#entries][1] or '' }
for _, entry in ipairs(entries) do
  local fields = entry[2]
  local bodies = fields[#fields]
  if string.find(bodies, text, 1, true) then
    found[#found + 1], found[#found + 2], found[#found + 3] = entry[1], #fields == 4 and fields[2] or '', bodies
  end
end
return found
