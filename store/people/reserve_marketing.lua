-- Reserves a place under the cap for messages of a campaign to people of one shard. A message that has its
-- place keeps it: the message is the operation id.
-- KEYS: hashes of counted messages, by even and odd periods
-- ARGV: most messages, minutes of a period, the lane's part of their ids, 1 to reserve (else it only
--       looks), the people, a line each, indexes of their messages (' ' between them)
-- Returns: positions (from 0) of people over the cap
-- include: clock, counted_marketing
local most, minutes, lane, reserves = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4] == '1'
local call, people, indexes = redis.call, {}, {}
for who in string.gmatch(ARGV[5], '([^\n]*)\n') do people[#people + 1] = who end
for index in string.gmatch(ARGV[6], '%d+') do indexes[#indexes + 1] = index end
local minute = math.floor(now_ms() / 60000)
local period = math.floor(minute / minutes)
local here, there = KEYS[period % 2 + 1], KEYS[(period + 1) % 2 + 1]
local now = call('HMGET', here, unpack(people))
local before = call('EXISTS', there) == 1 and call('HMGET', there, unpack(people)) or {}

local over, new, size, added = {}, {}, 0, minute .. ':' .. lane .. '.'
for i, who in ipairs(people) do
  local index, kept, n, is_in = indexes[i] or '', '', 0, false
  if now[i] or before[i] then
    local own, since, earlier, was_in, _ = lane .. '.' .. index, minute - minutes
    n, kept, is_in = others_in(now[i], own, since)
    earlier, _, was_in = others_in(before[i], own, since)
    n, is_in = n + earlier, is_in or was_in
  end
  if not is_in then
    if n >= most then
      over[#over + 1] = i - 1
    elseif reserves then
      new[size + 1], new[size + 2] = who, kept .. added .. index .. ' '
      size = size + 2
    end
  end
end
if size > 0 then
  call('HSET', here, unpack(new))
  if call('PTTL', here) < 0 then call('PEXPIRE', here, (period + 2) * minutes * 60000 - now_ms()) end
end
return over
