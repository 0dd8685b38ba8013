-- Closes a breaker: an operator closes any, the provider all but an operator's. A worker's success
-- closes `server` and ends the count of its errors in a row; anything else, and what an operator opened,
-- only if it was the probe.
-- KEYS: breakers, times of events by scope
-- ARGV: scope, by, op of the request that succeeded ('' = none), ms since 1970 of the event that reports
--       it ('' = none); an event older than the last one changes nothing
-- Returns: 1 if it was open and is closed, else 0
-- include: breaker
local breakers, events, scope, by, op, at = KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if not is_news(events, scope, at) then return 0 end
if scope == 'server' then redis.call('HDEL', breakers, 'failing') end
local is = breaker_of(breakers, scope)
if not is or (is.by == 'operator' and by == 'provider') then return 0 end
local probed = op ~= '' and is.probe == op
if by == 'worker' and not probed and (scope ~= 'server' or is.by == 'operator') then return 0 end
return redis.call('HDEL', breakers, scope)
