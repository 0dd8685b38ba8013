-- Notes how far a subscription is, for the owner of its lease, and renews the lease.
-- KEYS: its progress, its dead letters
-- ARGV: owner, lease in ms (0: give it up), position ('' = as it was), 'ok', 'failed', 'dead' or '' (nothing was sent),
--       events that were taken, ms until it is due again, what the endpoint answered, dead letter, most of them
-- Returns: 1; 0 if another process has the lease, or an operator moved the subscription
-- include: clock
local progress, dead = KEYS[1], KEYS[2]
local owner, lease, position, result, events = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], tonumber(ARGV[5])
local due, answer, letter, most = tonumber(ARGV[6]), ARGV[7], ARGV[8], tonumber(ARGV[9])
local call, now = redis.call, now_ms()
if call('HGET', progress, 'owner') ~= owner then return 0 end
if position ~= '' then call('HSET', progress, 'cursor', position) end
if result ~= '' then call('HSET', progress, 'answer', answer, 'answered_at', now) end
if result == 'failed' then
  call('HINCRBY', progress, 'failures', 1)
  call('HSETNX', progress, 'failing_since', now)
elseif result ~= '' then
  call('HDEL', progress, 'failing_since')
  call('HSET', progress, 'failures', 0)
end
if result == 'ok' then
  call('HSET', progress, 'well_at', now)
  call('HINCRBY', progress, 'events', events)
end
if letter ~= '' then
  call('RPUSH', dead, letter)
  call('LTRIM', dead, -most, -1)
end
call('HSET', progress, 'due', now + due, 'lease', lease > 0 and now + lease or 0)
return 1
