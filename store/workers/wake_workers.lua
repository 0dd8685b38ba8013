-- Wakes running dispatchers, one of each kind that can help. If there are too few, a Celery task should
-- be sent; that is returned only once until the task has started or an hour has passed.
-- KEYS: calling, then for each kind: dispatchers, wake
-- ARGV: dispatchers wanted; 0 = no task is sent, however few run
-- Returns: 1 if the caller should send a dispatch task, else 0
-- include: clock
local calling, wanted = KEYS[1], tonumber(ARGV[1])
local CALL_MS = 3600000
local now, running = now_ms(), 0
for i = 2, #KEYS, 2 do
  local dispatchers, wake = KEYS[i], KEYS[i + 1]
  redis.call('ZREMRANGEBYSCORE', dispatchers, '-inf', now)
  local loops = redis.call('ZCARD', dispatchers)
  if loops > redis.call('LLEN', wake) then redis.call('LPUSH', wake, 1) end
  running = running + loops
end
if running >= wanted then return 0 end
return redis.call('SET', calling, 1, 'NX', 'PX', CALL_MS) and 1 or 0
