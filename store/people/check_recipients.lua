-- Checks the people of a batch in one shard against suppressions and windows, and notes for the others
-- whether their last message is marketing.
-- KEYS: suppressed; for those of a sub-account also windows, people whose last message was not marketing
--       (two sets), unreachable people
-- ARGV: 1 if windows count, 1 to note whose message is marketing ('' to note nothing), number of people
--       whose message needs an open window, the people, a line each, those first (one value: a thousand
--       values would cost the caller five times as much), letters of the purposes of their messages (one
--       for all of them, or one each), 1 if unreachable people count
-- Returns: {positions (from 0) of suppressed people, positions of those whose window is closed, positions
--          of unreachable people whose message is marketing}
-- include: clock, unmarketed
local suppressed, windows, sets = KEYS[1], KEYS[2], { KEYS[3], KEYS[4] }
local subject, letters = tonumber(ARGV[3]), ARGV[5]
local people = {}
for who in string.gmatch(ARGV[4], '([^\n]*)\n') do people[#people + 1] = who end
local call = redis.call
local function purpose_of(i) return #letters == 1 and letters or string.sub(letters, i, i) end

local stopped, closed, missed, out = {}, {}, {}, {}
local function leave_out(i, list)
  out[i] = true
  list[#list + 1] = i - 1
end
-- True when a person's entries (include/suppression.lua) stop a purpose.
local function stops(value, purpose)
  for purposes in string.gmatch(value, '%d+[oirb]([mua]*)') do
    if purposes == '' or string.find(purposes, purpose, 1, true) then return true end
  end
end
if call('EXISTS', suppressed) == 1 then
  for i, found in ipairs(call('HMGET', suppressed, unpack(people))) do
    if found and stops(found, purpose_of(i)) then leave_out(i, stopped) end
  end
end
local now = now_ms()
if ARGV[6] == '1' then
  for i, ends in ipairs(call('ZMSCORE', KEYS[5], unpack(people))) do
    if ends and tonumber(ends) > now and not out[i] and purpose_of(i) == 'm' then leave_out(i, missed) end
  end
end
if ARGV[1] == '1' and subject > 0 then
  local ends = call('ZMSCORE', windows, unpack(people, 1, subject))
  for i = 1, subject do
    if not (ends[i] and tonumber(ends[i]) > now) and not out[i] then leave_out(i, closed) end
  end
end
local noted = ARGV[2] == '1'
if ARGV[2] ~= '' and (noted or letters ~= 'm') then
  local marketing, others = {}, {}
  for i, who in ipairs(people) do
    local list = purpose_of(i) == 'm' and marketing or others
    if who ~= '' and not out[i] then list[#list + 1] = who end
  end
  note_last_messages(sets, noted and marketing or {}, others, now)
end
return { stopped, closed, missed }
