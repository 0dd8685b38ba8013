-- Opens or extends the service window of people who have written; it is never shortened. They can be
-- reached. It also marks people as unreachable: that mark is kept and extended like a window, and not set
-- where the person has written since.
-- KEYS: windows, unreachable people; or to mark these: unreachable people, windows
-- ARGV: its length in ms, to mark people the length of a window in ms (else ''), then for each person:
--       person, start in ms ('' = now)
-- Returns: number of windows opened or extended
-- include: clock, argv_reader
local kept, other, hold, window = KEYS[1], KEYS[2], tonumber(ARGV[1]), tonumber(ARGV[2])
local now = now_ms()
local call = redis.call

local longer = 0
local take = reader(ARGV, 3)
for _ = 1, (#ARGV - 2) / 2 do
  local who, since = take(), math.min(tonumber(take()) or now, now)
  local ends = since + hold
  local wrote = window and tonumber(call('ZSCORE', other, who) or 0) - window or 0
  if ends > now and ends > tonumber(call('ZSCORE', kept, who) or 0) and wrote <= since then
    call('ZADD', kept, ends, who)
    longer = longer + 1
    if not window then call('ZREM', other, who) end
  end
end
return longer
