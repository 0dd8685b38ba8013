-- Releases people: they may be written to again. The release is kept for a week, so that it overrules an
-- earlier opt-out that arrives late.
-- KEYS: suppressed, lifted
-- ARGV: how long a release is kept in ms, r (a reply, which lifts suppressions by replies and receipts)
--       or o (an operator), then for each person: person, time in ms ('' = now)
-- Returns: {released, not suppressed, kept: by an operator, or later}
-- include: clock, argv_reader, suppression
local suppressed, lifted = KEYS[1], KEYS[2]
local keep, by = tonumber(ARGV[1]), ARGV[2]
local FEW = 200
local now = now_ms()
local call = redis.call

local released, none, kept = 0, 0, 0
local take = reader(ARGV, 3)
for _ = 1, (#ARGV - 2) / 2 do
  local who, at = take(), tonumber(take())
  local moment = math.min(at or now, now)
  local entries = entries_of(call('HGET', suppressed, who))
  local was = next(entries)
  for _, source in ipairs(by == 'r' and { 'r', 'b' } or SOURCES) do
    local one = entries[source]
    if one and (by == 'o' or one.since <= moment) then entries[source] = nil end
  end
  if next(entries) then
    call('HSET', suppressed, who, value_of(entries))
    kept = kept + 1
  elseif was then
    call('HDEL', suppressed, who)
    released = released + 1
  else
    none = none + 1
  end
  if (was or by == 'r') and moment > tonumber(call('ZSCORE', lifted, who) or 0) then
    call('ZADD', lifted, moment, who)
  end
end
for _, who in ipairs(call('ZRANGEBYSCORE', lifted, '-inf', now - keep, 'LIMIT', 0, FEW)) do
  call('ZREM', lifted, who)
end
return { released, none, kept }
