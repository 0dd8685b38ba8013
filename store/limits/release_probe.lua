-- Ends a probe without a result: another one may follow, at once or after the usual time.
-- KEYS: breakers
-- ARGV: scope, op of the probe, 1 if the usual time must pass else 0
-- Returns: 1 if it was in flight, else 0
-- include: breaker, clock
local breakers, scope, op, later = KEYS[1], ARGV[1], ARGV[2], ARGV[3] == '1'
local is = breaker_of(breakers, scope)
if not is or is.probe ~= op then return 0 end
is.probe = ''
if later then is.probe_at = now_ms() + is.every end
redis.call('HSET', breakers, scope, cjson.encode(is))
return 1
