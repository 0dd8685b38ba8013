-- Who of a batch must not be written to; notes of the others whether their last message is marketing. Without
-- people it only says which rules there are at the moment.
-- KEYS: suppressed for all, suppressed for the sub-account, windows, replies, people whose last message was not
--       marketing (two sets)
-- ARGV: what to do outside the window (skip; auto = skip once people have written; '' = send), sub-account
--       and channel, how many of the people get what needs an open window, the people, a line each, those
--       first (one value: a thousand would cost whoever sends them five times as much), letters of the purposes
--       of their messages (one for all of them, or one each)
-- Returns: {1 if anybody is suppressed + 2 if windows count + 4 if anybody's last message was not marketing,
--           places (from 0) of those who are suppressed, places of those whose window is closed}
-- include: clock, unmarketed
local everywhere, here, windows, replies, sets = KEYS[1], KEYS[2], KEYS[3], KEYS[4], { KEYS[5], KEYS[6] }
local policy, name, subject, letters = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[5]
local people = {}
for who in string.gmatch(ARGV[4], '([^\n]*)\n') do people[#people + 1] = who end
local call = redis.call
local function purpose_of(i) return #letters == 1 and letters or string.sub(letters, i, i) end

local rules = 0
if call('EXISTS', everywhere) + call('EXISTS', here) > 0 then rules = 1 end
if policy == 'skip' or (policy == 'auto' and tonumber(call('HGET', replies, name) or 0) > 0) then
  rules = rules + 2
end
if call('EXISTS', unpack(sets)) > 0 then rules = rules + 4 end
if #people == 0 then return { rules, {}, {} } end

local suppressed, closed, out = {}, {}, {}
local function leave_out(i, list)
  out[i] = true
  list[#list + 1] = i - 1
end
-- Whether an entry of somebody (include/suppression.lua) stops a purpose.
local function stops(value, purpose)
  for purposes in string.gmatch(value, '%d+[oirb]([mua]*)') do
    if purposes == '' or string.find(purposes, purpose, 1, true) then return true end
  end
end
local function look_in(key)
  if call('EXISTS', key) == 0 then return end
  for i, found in ipairs(call('HMGET', key, unpack(people))) do
    if found and not out[i] and stops(found, purpose_of(i)) then leave_out(i, suppressed) end
  end
end
look_in(everywhere)
look_in(here)
local now = now_ms()
if subject > 0 and rules % 4 >= 2 then
  local ends = call('ZMSCORE', windows, unpack(people, 1, subject))
  for i = 1, subject do
    if not (ends[i] and tonumber(ends[i]) > now) and not out[i] then leave_out(i, closed) end
  end
end
local marketing, others = {}, {}
for i, who in ipairs(people) do
  local list = purpose_of(i) == 'm' and marketing or others
  if who ~= '' and not out[i] then list[#list + 1] = who end
end
note_last_messages(sets, rules >= 4 and marketing or {}, others, now)
return { rules, suppressed, closed }
