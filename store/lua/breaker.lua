-- A breaker is a field of a hash, scope → JSON (store/limits/breakers.py). While its probe is in flight
-- no other one starts; a silent probe ends with its lease. A breaker with probe_at 0 is never probed.
local HAND_ONLY_MS = 60000
local function probe_wait(breaker, now)
  if breaker.probe_at == 0 then return HAND_ONLY_MS end
  local free_at = breaker.probe ~= '' and breaker.leased_until or 0
  return math.max(0, breaker.probe_at - now, free_at - now)
end
local function take_probe(breakers, scope, breaker, op, lease_ends)
  breaker.probe, breaker.leased_until = op, lease_ends
  redis.call('HSET', breakers, scope, cjson.encode(breaker))
end
-- After a failed probe the next one comes later. An operator's reason stays.
local function renew(breakers, scope, breaker, reason, now)
  if breaker.by ~= 'operator' then breaker.reason = reason end
  breaker.failures, breaker.probe = breaker.failures + 1, ''
  breaker.every = math.min(breaker.cap, breaker.every * 2)
  breaker.probe_at = now + breaker.every
  redis.call('HSET', breakers, scope, cjson.encode(breaker))
end
local function new_breaker(reason, by, first, cap, now)
  return { reason = reason, by = by, opened_at = now, probe_at = first > 0 and now + first or 0,
    failures = 1, every = first, cap = math.max(first, cap), probe = '', leased_until = 0 }
end
-- True unless an event about a scope is older than the last one; records its time. '' is no event.
local function is_news(events, scope, at)
  if at == '' then return true end
  if tonumber(redis.call('HGET', events, scope) or 0) > tonumber(at) then return false end
  redis.call('HSET', events, scope, at)
  return true
end
local function breaker_of(breakers, scope)
  local found = redis.call('HGET', breakers, scope)
  return found and cjson.decode(found)
end
