-- Searches some entries of a stream of bodies for a text.
-- KEYS: stream
-- ARGV: the text, start id, most entries
-- Returns: {next start id ('' = done), id, body, …}
local stream, text, from, most = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local entries = redis.call('XRANGE', stream, from, '+', 'COUNT', most)
local found = { #entries == most and '(' .. entries[#entries][1] or '' }
for _, entry in ipairs(entries) do
  if string.find(entry[2][2], text, 1, true) then
    found[#found + 1], found[#found + 2] = entry[1], entry[2][2]
  end
end
return found
