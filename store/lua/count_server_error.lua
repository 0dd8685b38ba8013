-- Counts a request that the provider refused with an error of its own; so many in a row, over all workers,
-- open the breaker `server`. While it is open, only its probe counts: the next one waits twice as long.
-- KEYS: breakers
-- ARGV: op of the request, how many in a row open it, reason, ms before the first probe, longest ms between
--       probes
-- Returns: 1 if the breaker is open now, else 0
-- include: breaker, clock
local breakers, op, many, reason, first, cap =
  KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local now = now_ms()

local is = breaker_of(breakers, 'server')
if is then
  if is.probe == op then renew(breakers, 'server', is, reason, now) end
  return 1
end
local n, last = string.match(redis.call('HGET', breakers, 'failing') or '', '^(%d+) (.*)$')
n = tonumber(n or 0)
if last == op then return 0 end
if n + 1 < many then
  redis.call('HSET', breakers, 'failing', (n + 1) .. ' ' .. op)
  return 0
end
redis.call('HDEL', breakers, 'failing')
redis.call('HSET', breakers, 'server', cjson.encode(new_breaker(reason, 'worker', first, cap, now)))
return 1
