-- Notes whom a lane writes to, and finds the people who have just got another message. A message that is
-- claimed again meets its own note, and goes. A note from the future, after a step of the clock back, does
-- not count. Each of the two hashes holds every second period.
-- KEYS: people of even periods, of odd ones
-- ARGV: ms between two messages to a person, 1 if these messages wait, people (five bytes of a digest
--       each), messages (four bytes each)
-- Returns: {position (from 0), s since 1970 at which it may go, ...}
-- include: clock
local apart, waits, people, messages = tonumber(ARGV[1]), ARGV[2] == '1', ARGV[3], ARGV[4]
local DIGEST, MESSAGE, KEPT_MS = 5, 4, 120000
local now, call = now_ms(), redis.call
local period = math.floor(now / apart)
local mine, other = KEYS[1 + period % 2], KEYS[2 - period % 2]

-- The hash of the period before the last one is used again.
if tonumber(call('HGET', mine, 'period') or -1) ~= period then
  call('DEL', mine)
  call('HSET', mine, 'period', period)
end
call('PEXPIRE', mine, KEPT_MS)

local fields, found = {}, {}
for at = 1, #people, DIGEST do fields[#fields + 1] = string.sub(people, at, at + DIGEST - 1) end
local recent, earlier = call('HMGET', mine, unpack(fields)), call('HMGET', other, unpack(fields))
local noted, new = {}, {}
for i, who in ipairs(fields) do
  local own = string.sub(messages, (i - 1) * MESSAGE + 1, i * MESSAGE)
  local last = noted[who] or recent[i] or earlier[i]
  local due = last and tonumber(string.sub(last, MESSAGE + 1)) + apart or 0
  if due > now + apart then due = 0 end
  if due > now and string.sub(last, 1, MESSAGE) == own then
    -- it was claimed before: its note stands
  elseif waits and due > now then
    found[#found + 1], found[#found + 2] = i - 1, math.ceil(due / 1000)
  else
    noted[who] = own .. string.format('%.0f', now)
    new[#new + 1], new[#new + 2] = who, noted[who]
  end
end
if #new > 0 then call('HSET', mine, unpack(new)) end
return found
