-- Checks whether a lane has something due, so that a sweep acts only on such lanes. Changes nothing.
-- KEYS: meta, queue, retry batches, batches, in doubt
-- ARGV: time in ms by which leases and in-doubt batches must have run out, from note_sweep; ms that
--       count as soon; revision of the rules by which people wait
-- Returns: {status or 'gone', kind, priority, values in the queue, 1 if something is due else 0, 1 if
--          values are queued or something is due soon else 0, now in ms, ms until it starts or -1}
-- include: clock
local meta, queue, retries, claimed_batches, in_doubt = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local as_of, soon = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = now_ms()

local lane = redis.call('HMGET', meta, 'status', 'kind', 'priority', 'send_at', 'canary_state',
  'canary_until', 'hours_revision')
local cancelling = lane[1] == 'cancelling'
local waiting = redis.call('LLEN', queue)
local function first_time(key)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return tonumber(first[2]) or math.huge
end
local retry, lease, in_doubt_batch = first_time(retries), first_time(claimed_batches), first_time(in_doubt)
local start = lane[1] == 'scheduled' and tonumber(lane[4] or 0) or math.huge
local canary = lane[1] == 'sending' and (lane[5] == 'sending' and waiting == 0 and lease == math.huge
  or lane[5] == 'watched' and tonumber(lane[6]) <= now)
local hours = lane[7] and lane[7] ~= ARGV[3]
local due = canary or hours or start <= now or cancelling and (waiting > 0 or retry < math.huge)
  or retry <= now or lease <= math.min(now, as_of) or in_doubt_batch <= as_of
local busy = due or waiting > 0 or math.min(retry, lease, in_doubt_batch, start) <= now + soon
return { lane[1] or 'gone', lane[2] or '', lane[3] or '', waiting, due and 1 or 0, busy and 1 or 0, now,
  start < math.huge and math.max(0, start - now) or -1 }
