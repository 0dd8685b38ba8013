-- Takes messages out of the quota of an API token, all or none. GCRA: the key holds the time at which the
-- quota is whole again.
-- KEYS: quota
-- ARGV: messages, quota, seconds in which a used quota is whole again
-- Returns: {1 if they were taken else 0, messages that are left, ms until one more is left, ms until these
--          could be taken (0 if they were)}
-- include: clock
local quota, n, most, window = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]) * 1000000
local now, step, ROUNDING = now_us(), window / most, 0.000001
local used = math.max(0, (tonumber(redis.call('GET', quota)) or 0) - now)
local function until_left(messages)
  return math.max(0, math.ceil((used - window + messages * step) / 1000 - ROUNDING))
end

local wait = until_left(n)
if wait == 0 then
  used = used + n * step
  redis.call('SET', quota, string.format('%.3f', now + used), 'PX', math.ceil(used / 1000))
end
local left = math.max(0, math.floor((window - used) / step + ROUNDING))
return { wait == 0 and 1 or 0, left, until_left(math.min(left + 1, most)), wait }
