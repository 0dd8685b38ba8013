-- Searches the records, numbers and long ids of some thousands of a lane for a person.
-- KEYS: for each thousand: records, numbers, long ids
-- ARGV: the number as 7 bytes ('' = the person has none), its offset in a record (from 0), a text that
--       every long id of the person holds
-- Returns: {{thousand (from 0), position, …}, {index, long id, …}}
local number, at, text = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local NUMBER = 7
local places, ids = {}, {}
-- Searches for the end of the number: its start is shared with similar numbers, and many records begin
-- with zeros.
local from = 5
while from > 1 and string.byte(number, from) == 0 do from = from - 1 end
local significant = string.sub(number, from)

local function look_in(blob, thousand, width, offset)
  local found = string.find(blob, significant, 1, true)
  while found do
    local start = found - from + 1
    if (start - 1 - offset) % width == 0 and string.sub(blob, start, start + NUMBER - 1) == number then
      places[#places + 1], places[#places + 2] = thousand, (start - 1 - offset) / width
    end
    found = string.find(blob, significant, found + 1, true)
  end
end
for i = 1, #KEYS, 3 do
  local thousand = (i - 1) / 3
  if number ~= '' then
    look_in(redis.call('GET', KEYS[i]) or '', thousand, WIDTH, at)
    look_in(redis.call('GET', KEYS[i + 1]) or '', thousand, NUMBER, 0)
  end
  local pairs_ = redis.call('HGETALL', KEYS[i + 2])
  for k = 2, #pairs_, 2 do
    if string.find(pairs_[k], text, 1, true) then
      ids[#ids + 1], ids[#ids + 2] = pairs_[k - 1], pairs_[k]
    end
  end
end
return { places, ids }
