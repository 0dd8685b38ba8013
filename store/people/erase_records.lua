-- Erases the recipients of some of a thousand messages of a lane. Messages in flight are flagged, so
-- that settling does not write them again.
-- KEYS: records, numbers, long ids
-- ARGV: offset in a record (from 0) of the forgotten flag and what follows, that flag and zeros, the
--       bytes to write without a record ('' = none), then the indexes, each after its position
-- Returns: number of erased items
local records, numbers, ids = KEYS[1], KEYS[2], KEYS[3]
local at, blank, fresh = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local FIRST, NUMBER = 4, 7
local call = redis.call
local erased = 0
for i = FIRST, #ARGV, 2 do
  local place, index = tonumber(ARGV[i]), ARGV[i + 1]
  local is = call('GETRANGE', records, place * WIDTH, (place + 1) * WIDTH - 1)
  local mark = string.byte(is) or 0
  if mark ~= 0 and string.sub(is, at + 1) ~= blank then
    call('SETRANGE', records, place * WIDTH + at, blank)
    erased = erased + 1
  elseif mark == 0 and fresh ~= '' then
    call('SETRANGE', records, place * WIDTH, fresh)
  end
  local number = call('GETRANGE', numbers, place * NUMBER, (place + 1) * NUMBER - 1)
  if string.find(number, '[^%z]') then
    call('SETRANGE', numbers, place * NUMBER, string.rep('\0', NUMBER))
    erased = erased + 1
  end
  erased = erased + call('HDEL', ids, index)
end
return erased
