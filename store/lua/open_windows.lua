-- Opens the service window for people who have written, or keeps it open; it never gets shorter.
-- KEYS: windows, replies
-- ARGV: sub-account and channel, 1 = they have written (0 = by hand), how long it stays open in ms,
--       then for each person: who, since when in ms ('' = now)
-- Returns: how many were opened, or stay open longer than before
-- include: clock, reader
local windows, replies = KEYS[1], KEYS[2]
local name, written, hold = ARGV[1], ARGV[2], tonumber(ARGV[3])
local now = now_ms()
local call = redis.call

local longer, latest = 0, 0
local take = reader(ARGV, 4)
for _ = 1, (#ARGV - 3) / 2 do
  local who, since = take(), math.min(tonumber(take()) or now, now)
  local ends = since + hold
  if ends > now and ends > tonumber(call('ZSCORE', windows, who) or 0) then
    call('ZADD', windows, ends, who)
    longer = longer + 1
  end
  latest = math.max(latest, since)
end
local known = tonumber(call('HGET', replies, name) or -1)
local heard = written == '1' and latest or 0
if heard > known then call('HSET', replies, name, string.format('%.0f', heard)) end
return longer
