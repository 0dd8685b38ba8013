-- People whose last message was not marketing are in one of two sets, by even and odd periods: so they
-- are kept for one to two periods. A set expires before its next period begins.
local PERIOD_MS = 7 * 86400000
local function is_unmarketed(sets, people)
  local found = {}
  for _, set in ipairs(sets) do
    for i, is in ipairs(redis.call('SMISMEMBER', set, unpack(people))) do
      if is == 1 then found[i] = true end
    end
  end
  return found
end
local function note_last_messages(sets, marketing, others, now)
  if #marketing > 0 then
    for _, set in ipairs(sets) do redis.call('SREM', set, unpack(marketing)) end
  end
  if #others == 0 then return end
  local period = math.floor(now / PERIOD_MS)
  local set = sets[period % 2 + 1]
  redis.call('SADD', set, unpack(others))
  if redis.call('PTTL', set) < 0 then redis.call('PEXPIRE', set, (period + 2) * PERIOD_MS - now) end
end
