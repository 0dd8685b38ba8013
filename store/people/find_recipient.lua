-- Searches so many thousands of a campaign's messages for a recipient.
-- KEYS: the strings of numbers of these thousands, then for a long id as many hashes of long ids
-- ARGV: messages a key holds, number (7 bytes) or '' for a long id, long id, first thousand, thousands
-- Returns: {index or -1, next thousand or -1}
local per_key, number, id = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local from, most = tonumber(ARGV[4]), tonumber(ARGV[5])
local WIDTH = 7

local function find_number(blob)
  local at = string.find(blob, number, 1, true)
  while at and (at - 1) % WIDTH ~= 0 do at = string.find(blob, number, at + 1, true) end
  return at and (at - 1) / WIDTH
end
local function find_id(ids)
  local pairs_ = redis.call('HGETALL', ids)
  for i = 2, #pairs_, 2 do
    if pairs_[i] == id then return tonumber(pairs_[i - 1]) % per_key end
  end
end
for i = 1, most do
  local blob = redis.call('GET', KEYS[i])
  if not blob then return { -1, -1 } end
  local place = number ~= '' and find_number(blob) or number == '' and find_id(KEYS[most + i])
  if place then return { (from + i - 1) * per_key + place, -1 } end
end
return { -1, from + most }
