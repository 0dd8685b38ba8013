-- Opens the service window for people who have written, or keeps it open; it never gets shorter.
-- KEYS: windows
-- ARGV: how long it stays open in ms, then for each person: who, since when in ms ('' = now)
-- Returns: how many were opened, or stay open longer than before
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
  end
end
return longer
