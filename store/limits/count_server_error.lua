-- Counts a request that got a server error of the provider, or no usable answer. So many in a row, over
-- all workers, open the breaker `server`; the first one without an answer opens `stall`. While one is
-- open, only its probe counts: the next one waits twice as long.
-- KEYS: breakers, limiter, requests
-- ARGV: op of the request, its messages, 1 if there was no answer else 0, how many in a row open
--       `server`, reason, ms before the first probe, longest ms between probes
-- Returns: 1 if `server` is open now else 0, 1 if this has opened `stall` else 0
-- include: clock, breaker, requests
local breakers, limiter, requests = KEYS[1], KEYS[2], KEYS[3]
local op, n, silent, many, reason, first, cap = ARGV[1], ARGV[2], ARGV[3] == '1', tonumber(ARGV[4]),
  ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local now = now_ms()

local stalled, stall = 0, breaker_of(breakers, 'stall')
if stall and stall.probe == op then
  renew(breakers, 'stall', stall, reason, now)
elseif silent and not stall then
  open_stall(breakers, reason, now, now)
  stalled = 1
end
-- An error is an answer, but does not close `stall`.
if redis.call('ZREM', requests, op .. ':' .. n) == 1 and not silent then
  redis.call('HSET', limiter, 'answered_at', now)
  redis.call('PEXPIRE', limiter, 3600000)
end

local is = breaker_of(breakers, 'server')
if is then
  if is.probe == op then renew(breakers, 'server', is, reason, now) end
  return { 1, stalled }
end
local failures, last = string.match(redis.call('HGET', breakers, 'failing') or '', '^(%d+) (.*)$')
failures = tonumber(failures or 0)
if last == op then return { 0, stalled } end
if failures + 1 < many then
  redis.call('HSET', breakers, 'failing', (failures + 1) .. ' ' .. op)
  return { 0, stalled }
end
redis.call('HDEL', breakers, 'failing')
redis.call('HSET', breakers, 'server', cjson.encode(new_breaker(reason, 'worker', first, cap, now)))
return { 1, stalled }
