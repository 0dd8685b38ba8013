-- Checks just before a POST that the request may still be sent: turns are given up to half a second
-- ahead, and what has happened since applies to them, too. If it may, it counts as waiting for an
-- answer.
-- KEYS: limiter, requests, breakers
-- ARGV: op of its permits, messages, ends of requests, ms without an answer that are a stall, longest ms
--       of a request, most messages that may wait for an answer, 1 if that limit applies only without
--       recent answers
-- Returns: '' or the obstacle: 'blocked', 'waiting' or the scope of a breaker
-- include: clock, breaker, requests
local limiter, requests, breakers = KEYS[1], KEYS[2], KEYS[3]
local op, n, ended, patience, lease, most, only_cold = ARGV[1], tonumber(ARGV[2]), ARGV[3],
  tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7] == '1'
local now = now_ms()

note_ended(limiter, requests, breakers, ended, now)
local cold = look_for_stall(limiter, requests, breakers, patience, lease, now)
local probes = false
local found = redis.call('HMGET', breakers, 'account', 'server', 'stall')
for i, scope in ipairs({ 'account', 'server', 'stall' }) do
  if found[i] and cjson.decode(found[i]).probe ~= op then return scope end
  probes = probes or found[i]
end
if tonumber(redis.call('HGET', limiter, 'blocked_until') or 0) > now * 1000 then return 'blocked' end
if not probes and (cold or not only_cold) and too_many_wait(requests, n, most) then return 'waiting' end
redis.call('ZADD', requests, now, op .. ':' .. n)
redis.call('PEXPIRE', requests, 3600000)
return ''
