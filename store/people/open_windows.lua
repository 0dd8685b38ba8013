-- Opens or extends the service window of people who have written; it is never shortened. They can be
-- reached. It also marks people as unreachable: that mark is kept and extended like a window.
-- KEYS: windows, unreachable people; or to mark these: unreachable people
-- ARGV: its length in ms, then for each person: person, start in ms ('' = now)
-- Returns: number of windows opened or extended
-- include: clock, argv_reader
local windows, hold = KEYS[1], tonumber(ARGV[1])
local now = now_ms()
local call = redis.call

local longer = 0
local take = reader(ARGV, 2)
for _ = 1, (#ARGV - 1) / 2 do
  local who, since = take(), math.min(tonumber(take()) or now, now)
  local ends = since + hold
  if ends > now and ends > tonumber(call('ZSCORE', windows, who) or 0) then
    call('ZADD', windows, ends, who)
    longer = longer + 1
    if KEYS[2] then call('ZREM', KEYS[2], who) end
  end
end
return longer
