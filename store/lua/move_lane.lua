-- Pauses, resumes, cancels or stops a lane; what is not allowed changes nothing.
-- KEYS: meta, counts
-- ARGV: 'pause' | 'resume' | 'cancel' | 'stop' | 'close', reason
-- Returns: {1 if it changed else 0, status}
-- include: clock, finish
local meta, counts = KEYS[1], KEYS[2]
local action, reason = ARGV[1], ARGV[2]
local lane = redis.call('HMGET', meta, 'status', 'loaded', 'early', 'rolling')
local status = lane[1]
if not status then return { 0, 'gone' } end
local running = status == 'sending' or status == 'loading'
local waiting = status == 'paused' or status == 'stopped'
local to
if action == 'pause' and running then
  to = 'paused'
elseif action == 'stop' and running then
  to = 'stopped'
elseif action == 'resume' and waiting then
  to = (lane[2] == '1' or lane[3] == '1') and 'sending' or 'loading'
elseif action == 'cancel' and (running or waiting) then
  to = 'cancelling'
  redis.call('HSET', meta, 'loaded', 1, 'rolling', 0)
elseif action == 'close' and lane[4] == '1' then
  redis.call('HSET', meta, 'rolling', 0)
  return { 1, finish_if_done(meta, counts) }
end
if not to then return { 0, status } end
redis.call('HSET', meta, 'status', to, 'reason', reason)
redis.call('HINCRBY', meta, 'journal', 1)
return { 1, finish_if_done(meta, counts) }
