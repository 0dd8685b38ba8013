-- Pauses, resumes, cancels, stops, closes or halts a lane; a move that is not allowed changes nothing.
-- Accepting a halt resumes the lane with a revision far above that of any worker; a halt for a revision
-- that the lane has passed since comes late and is ignored.
-- A canary is watched from its end on; then it passes, which lets the rest of the campaign go, or fails,
-- which pauses the campaign. Resuming lets the rest go, too, unless an operator had paused it.
-- KEYS: meta, counts, retry batches
-- ARGV: 'pause' | 'resume' | 'cancel' | 'stop' | 'close' | 'halt' | 'accept' |
--       'start' (of a scheduled lane whose time has come) | 'watch' | 'pass' | 'fail' (of its canary),
--       reason, the worker's revision (for a halt) or ms (to watch)
-- Returns: {1 if it changed else 0, status}
-- include: clock, finish_lane, canary
local meta, counts, retries = KEYS[1], KEYS[2], KEYS[3]
local action, reason, known = ARGV[1], ARGV[2], tonumber(ARGV[3])
local JUMP = 1000000
local lane = redis.call('HMGET', meta, 'status', 'loaded', 'early', 'rolling', 'send_at', 'canary_state')
local status, canary = lane[1], lane[6]
local early = (tonumber(lane[5] or '') or 0) > now_ms()
if not status then return { 0, 'gone' } end
local running = status == 'sending' or status == 'loading' or status == 'scheduled'
local waiting = status == 'paused' or status == 'stopped'
local to
local is_out = canary == 'sending' or canary == 'watched'
local lets_go = action == 'pass' and status == 'sending' and canary == 'watched'
if action == 'resume' or action == 'accept' then
  lets_go = status == 'sending' and is_out
    or canary == 'failed' and (waiting or status == 'halted' and action == 'accept')
end
if lets_go then
  for _, batch in ipairs(redis.call('ZRANGEBYSCORE', retries, HELD_UNTIL, HELD_UNTIL)) do
    redis.call('ZADD', retries, now_ms(), batch)
  end
  redis.call('HSET', meta, 'canary_state', 'passed')
  redis.call('HINCRBY', meta, 'revision', 1)
  if status == 'sending' then return { 1, status } end
elseif action == 'watch' and status == 'sending' and canary == 'sending' then
  redis.call('HSET', meta, 'canary_state', 'watched', 'canary_until', now_ms() + known)
  return { 1, status }
elseif action == 'fail' and status == 'sending' and canary == 'watched' then
  redis.call('HSET', meta, 'canary_state', 'failed')
  to = 'paused'
end
if action == 'pause' and running then
  to = 'paused'
elseif action == 'stop' and running then
  to = 'stopped'
elseif action == 'halt' and (running or waiting) and tonumber(redis.call('HGET', meta, 'revision') or 0) < known then
  to = 'halted'
  redis.call('HSET', meta, 'known', known)
elseif action == 'resume' and waiting or action == 'accept' and (waiting or status == 'halted') then
  to = (lane[2] == '1' or lane[3] == '1') and (early and 'scheduled' or 'sending') or 'loading'
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
