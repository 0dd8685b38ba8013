-- Holds a batch that a receipt has named without naming a message: its messages in doubt are not resent
-- automatically, and its delayed ones become in doubt.
-- KEYS: meta, counts, retry batches, in doubt, the batch as a retry batch, as a batch, as an in-doubt
--       batch of its own, as one of its doubtful jobs, as one of its retried jobs
-- ARGV: batch id
-- Returns: number of these
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
