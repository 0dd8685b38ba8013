-- Opens a breaker. While it is open, the failure of its probe makes the next one wait twice as long, and
-- other reports change nothing: requests that were in flight together fail together. An operator's
-- breaker replaces any other, the provider's that of a worker, and nothing replaces an operator's.
-- KEYS: breakers, times of events by scope
-- ARGV: scope, reason, by, ms before the first probe (0 = none: only an operator closes it), longest ms
--       between probes, op of the request that failed ('' = none), most breakers of a sub-account, ms
--       since 1970 of the event that reports it ('' = none); an event older than the last one changes
--       nothing
-- Returns: 1 if it was opened, or taken over by a stronger source, else 0
-- include: breaker, clock
local breakers, events = KEYS[1], KEYS[2]
local scope, reason, by, first, cap, op, most, at =
  ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7]), ARGV[8]
local STRENGTH = { worker = 1, provider = 2, operator = 3 }
local now = now_ms()

if not is_news(events, scope, at) then return 0 end
local is = breaker_of(breakers, scope)
if is and op ~= '' and is.probe == op then
  renew(breakers, scope, is, reason, now)
  return 0
end
if is and STRENGTH[by] <= STRENGTH[is.by] then return 0 end
if not is and by == 'worker' and redis.call('HLEN', breakers) >= most then return 0 end
local breaker = new_breaker(reason, by, first, cap, now)
if is then breaker.opened_at = is.opened_at end
redis.call('HSET', breakers, scope, cjson.encode(breaker))
return 1
