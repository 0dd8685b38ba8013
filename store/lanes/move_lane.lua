-- Pauses, resumes, cancels, stops, closes or halts a lane; a move that is not allowed changes nothing.
-- Accepting a halt resumes the lane with a revision far above that of any worker; a halt for a revision
-- that the lane has passed since comes late and is ignored. A draft halts when workers know it as a
-- campaign that went out; accepted, it is a draft again.
-- KEYS: meta, counts
-- ARGV: 'pause' | 'resume' | 'cancel' | 'stop' | 'close' | 'halt' | 'accept' |
--       'start' (of a scheduled lane whose time has come), reason, the worker's
--       revision (for a halt)
-- Returns: {1 if it changed else 0, status}
-- include: clock, finish_lane
local meta, counts = KEYS[1], KEYS[2]
local action, reason, known = ARGV[1], ARGV[2], tonumber(ARGV[3])
local JUMP = 1000000
local lane = redis.call('HMGET', meta, 'status', 'loaded', 'early', 'rolling', 'send_at')
local status = lane[1]
local early = (tonumber(lane[5] or '') or 0) > now_ms()
if not status then return { 0, 'gone' } end
local running = status == 'sending' or status == 'loading' or status == 'scheduled'
local waiting = status == 'paused' or status == 'stopped'
local to
if action == 'pause' and running then
  to = 'paused'
elseif action == 'stop' and running then
  to = 'stopped'
elseif action == 'halt' and (running or waiting or status == 'draft') and tonumber(redis.call('HGET', meta, 'revision') or 0) < known then
  to = 'halted'
  redis.call('HSET', meta, 'known', known)
elseif action == 'resume' and waiting or action == 'accept' and (waiting or status == 'halted') then
  to = (lane[2] == '1' or lane[3] == '1') and (early and 'scheduled' or 'sending') or 'loading'
  local unlaunched = redis.call('HEXISTS', meta, 'draft') == 1 and redis.call('HEXISTS', meta, 'content') == 0
  if unlaunched then to = 'draft' end
elseif action == 'start' and status == 'scheduled' and not early then
  to = 'sending'
elseif action == 'cancel' and (running or waiting or status == 'halted') then
  to = 'cancelling'
  redis.call('HSET', meta, 'loaded', 1, 'rolling', 0)
elseif action == 'close' and lane[4] == '1' then
  redis.call('HSET', meta, 'rolling', 0)
  return { 1, (finish_if_done(meta, counts)) }
end
if not to then return { 0, status } end
redis.call('HSET', meta, 'status', to, 'reason', reason)
if status == 'halted' then
  local numbers = redis.call('HMGET', meta, 'revision', 'known')
  redis.call('HSET', meta, 'revision', math.max(tonumber(numbers[1]), tonumber(numbers[2])) + JUMP)
end
redis.call('HINCRBY', meta, 'revision', 1)
return { 1, (finish_if_done(meta, counts)) }
