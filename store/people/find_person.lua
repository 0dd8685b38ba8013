-- Looks for a person in the records, numbers and long ids of some thousands of a lane.
-- KEYS: for each thousand: records, numbers, long ids
-- ARGV: the number as 7 bytes ('' = the person has none), its place in a record (from 0), a text that every long id
--       of the person holds
-- Returns: {{thousand (from 0), place, …}, {index, long id, …}}
local number, at, text = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local NUMBER = 7
local places, ids = {}, {}
-- The end of it is looked for: what it begins with it shares with its neighbours, and with a zero, of which there
-- are many.
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
