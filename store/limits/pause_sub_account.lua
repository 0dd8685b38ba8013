-- Pauses a sub-account for all workers, at least for so long (after a 429 of the provider).
-- KEYS: limiter
-- ARGV: ms
-- Returns: ms until it is free
-- include: clock
local limiter, for_ms = KEYS[1], tonumber(ARGV[1])
local now = now_us()
local until_ = math.max(tonumber(redis.call('HGET', limiter, 'blocked_until') or 0), now + for_ms * 1000)
redis.call('HSET', limiter, 'blocked_until', string.format('%.0f', until_))
redis.call('PEXPIRE', limiter, 3600000 + for_ms)
return math.ceil((until_ - now) / 1000)
