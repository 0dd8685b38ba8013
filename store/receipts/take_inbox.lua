-- Gives a receiving process the first inbox that no process has, or renews its lease. Two processes with
-- one inbox would be harmless.
-- KEYS: inboxes
-- ARGV: number of the inbox to renew ('' = none yet), ms that the lease lasts
-- Returns: number of the inbox
-- include: clock
local inboxes, number, lease = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local now = now_ms()
if not number then
  number = 0
  while tonumber(redis.call('ZSCORE', inboxes, number) or 0) > now do number = number + 1 end
end
redis.call('ZADD', inboxes, now + lease, number)
return number
