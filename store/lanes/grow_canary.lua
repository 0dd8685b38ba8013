-- Lets some batches that wait for a canary go, as its next part.
-- KEYS: meta, retry batches
-- ARGV: messages of the canary with these, ids of the batches
-- Returns: 1 if they go, else 0: the canary is not watched any more
-- include: clock, canary
local meta, retries, size = KEYS[1], KEYS[2], ARGV[1]
local call = redis.call
local status, state, known = unpack(call('HMGET', meta, 'status', 'canary_state', 'canary_size'))
if status ~= 'sending' then return 0 end
if state == 'sending' and known == size then return 1 end
if state ~= 'watched' then return 0 end
for i = 2, #ARGV do
  if tonumber(call('ZSCORE', retries, ARGV[i]) or 0) == HELD_UNTIL then call('ZADD', retries, now_ms(), ARGV[i]) end
end
call('HSET', meta, 'canary_state', 'sending', 'canary_size', size)
call('HINCRBY', meta, 'revision', 1)
return 1
