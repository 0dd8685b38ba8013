-- Says whether time has brought something back in a lane, so that a sweep acts only where it has. Changes
-- nothing.
-- KEYS: meta, queue, waves, flights, parked
-- ARGV: time in ms by which leases and parks must have run out, told by note_sweep
-- Returns: {status or 'gone', kind, priority, values in the queue, 1 if something is due else 0, now in ms}
-- include: clock
local meta, queue, waves, flights, parked = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local as_of = tonumber(ARGV[1])
local now = now_ms()

local lane = redis.call('HMGET', meta, 'status', 'kind', 'priority')
local cancelling = lane[1] == 'cancelling'
local waiting = redis.call('LLEN', queue)
local function is_due(key, time)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return first[2] and tonumber(first[2]) <= time
end
local due = is_due(waves, cancelling and math.huge or now)
  or is_due(flights, math.min(now, as_of)) or is_due(parked, as_of)
  or cancelling and waiting > 0
return { lane[1] or 'gone', lane[2] or '', lane[3] or '', waiting, due and 1 or 0, now }
