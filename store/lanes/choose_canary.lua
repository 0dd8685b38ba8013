-- Moves the chosen jobs of a batch that waits for the canary to the queue, unless the batch has changed
-- since it was read. It only ever becomes shorter.
-- KEYS: meta, counts, queue, retry batches, retry batch
-- ARGV: id of the batch, bytes of its value as read, chosen jobs, their number, the other jobs ('' = none)
-- Returns: 1 if they were moved, else 0
local meta, counts, queue, retries, held = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local batch, read, chosen, n, rest = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local call = redis.call
local blob = call('GET', held)
if not blob or #blob ~= tonumber(read) or call('HGET', meta, 'canary_state') ~= 'loading' then return 0 end
call('RPUSH', queue, chosen)
call('HINCRBY', counts, 'delayed', -n)
call('HINCRBY', counts, 'queued', n)
if rest ~= '' then
  call('SET', held, rest)
else
  call('DEL', held)
  call('ZREM', retries, batch)
end
return 1
