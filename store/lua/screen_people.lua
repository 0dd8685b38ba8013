-- Who of a batch must not be written to. Without people it only says which rules there are at the moment.
-- KEYS: suppressed for all, suppressed for the sub-account, windows, replies
-- ARGV: what to do outside the window (skip; auto = skip once people have written; '' = send), sub-account
--       and channel, how many of the people get what needs an open window, the people, a line each, those
--       first (one value: a thousand would cost whoever sends them five times as much)
-- Returns: {1 if anybody is suppressed + 2 if windows count, places (from 0) of those who are suppressed,
--          places of those whose window is closed}
-- include: clock
local everywhere, here, windows, replies = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local policy, name, subject = ARGV[1], ARGV[2], tonumber(ARGV[3])
local people = {}
for who in string.gmatch(ARGV[4], '([^\n]*)\n') do people[#people + 1] = who end
local call = redis.call

local rules = 0
if call('EXISTS', everywhere) + call('EXISTS', here) > 0 then rules = 1 end
if policy == 'skip' or (policy == 'auto' and tonumber(call('HGET', replies, name) or 0) > 0) then
  rules = rules + 2
end

local suppressed, closed, is = {}, {}, {}
local function look_in(key)
  for i, found in ipairs(call('HMGET', key, unpack(people))) do
    if found and not is[i] then
      is[i] = true
      suppressed[#suppressed + 1] = i - 1
    end
  end
end
if #people > 0 and rules % 2 == 1 then
  if call('EXISTS', everywhere) == 1 then look_in(everywhere) end
  if call('EXISTS', here) == 1 then look_in(here) end
end
if subject > 0 and rules >= 2 then
  local now = now_ms()
  local ends = call('ZMSCORE', windows, unpack(people, 1, subject))
  for i = 1, subject do
    if not (ends[i] and tonumber(ends[i]) > now) and not is[i] then closed[#closed + 1] = i - 1 end
  end
end
return { rules, suppressed, closed }
