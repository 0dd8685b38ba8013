-- Takes out of a thousand messages of a lane who got some of them. Of what is in the air it is noted that it must
-- not be written when it is settled.
-- KEYS: records, numbers, long ids
-- ARGV: where in a record the flag of the forgotten and what follows lies (from 0), that flag and zeros,
--       what is written where there is no record ('' = nothing), then the indexes, each behind its place
-- Returns: how many there were
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
