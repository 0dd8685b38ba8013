-- Searches packed jobs for a text: some elements of a list, or strings or hashes.
-- KEYS: the list; or the strings, or the hashes, which hold them in `jobs`
-- ARGV: list, string or hash, the text, for a list: first and last position
-- Returns: the values that hold it, each after its position in the list or its number (from 0)
local kind, text = ARGV[1], ARGV[2]
local found = {}
local function look_in(blob, place)
  if blob and string.find(blob, text, 1, true) then found[#found + 1], found[#found + 2] = place, blob end
end
if kind == 'list' then
  for i, blob in ipairs(redis.call('LRANGE', KEYS[1], ARGV[3], ARGV[4])) do
    look_in(blob, tonumber(ARGV[3]) + i - 1)
  end
else
  for i, key in ipairs(KEYS) do
    look_in(kind == 'hash' and redis.call('HGET', key, 'jobs') or kind == 'string' and redis.call('GET', key), i - 1)
  end
end
return found
