-- Notes a sweep and returns the time up to which leases count as run out: normally now. After a gap
-- between sweeps the store may have been away, and living owners hold answers that they could not write:
-- then only leases that ran out before the gap count, until the owners have had one whole lease.
-- KEYS: swept
-- ARGV: longest time between two sweeps without a gap, in ms; lease in ms
-- Returns: the time up to which leases and in-doubt batches count, ms
-- include: clock
local swept = KEYS[1]
local pause, lease = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = now_ms()

local is = redis.call('HMGET', swept, 'at', 'before', 'until')
local at, before, until_ = tonumber(is[1] or now), tonumber(is[2] or 0), tonumber(is[3] or 0)
if now - at > pause then
  if now >= until_ then before = at end
  until_ = now + lease
end
redis.call('HSET', swept, 'at', now, 'before', before, 'until', until_)
if now < until_ then return before end
return now
