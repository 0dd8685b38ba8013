-- Somebody has told us about a batch of ours, and not about which of its messages: none of those that are
-- in doubt goes out again by itself. Those that wait to be retried are in doubt instead.
-- KEYS: meta, counts, retry batches, in doubt, the batch as a retry batch, as a batch, as an in-doubt batch of its own, as one of what was
--       doubtful in it, as one of what was to be retried
-- ARGV: batch id
-- Returns: how many of these there are
-- include: clock, job_sections, hold_retry_batch
local meta, counts, retries, in_doubt, retry, batch = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], ARGV[1]
local FLIGHT, RETRIED = 6, 9
local call = redis.call

local blob = call('GET', retry)
if blob then
  local n = doubt_retries(KEYS[RETRIED], in_doubt, batch, blob, now_ms())
  call('DEL', retry)
  call('ZREM', retries, batch)
  call('HINCRBY', counts, 'delayed', -n)
  call('HINCRBY', counts, 'in_doubt', n)
  call('HINCRBY', meta, 'revision', 1)
end
local there = 0
for i = FLIGHT, RETRIED do
  if call('EXISTS', KEYS[i]) == 1 then
    call('HSET', KEYS[i], 'held', 1)
    there = there + 1
  end
end
return there
