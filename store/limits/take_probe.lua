-- Lets one message through an open breaker, if a probe is due: at most one is in flight.
-- KEYS: breakers
-- ARGV: scope, op of the probe, lease in ms
-- Returns: 1 if this is the probe, else 0
-- include: breaker, clock
local breakers, scope, op, lease = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local now = now_ms()
local is = breaker_of(breakers, scope)
if not is then return 0 end
if is.probe == op then return 1 end
if probe_wait(is, now) > 0 then return 0 end
take_probe(breakers, scope, is, op, now + lease)
return 1
