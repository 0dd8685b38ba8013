-- Moves due retry batches to the front of the queue (all of them when the lane is being cancelled).
-- KEYS: meta, counts, queue, retry batches, then the strings of the first retry batches
-- ARGV: ids of these retry batches
-- Returns: {jobs promoted, ms until the next retry batch can be promoted or -1}
-- include: clock, job_sections
local meta, counts, queue, retries = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now = now_ms()
local all = redis.call('HGET', meta, 'status') == 'cancelling'
local until_ = all and math.huge or now

local promoted = 0
local function promote(retry, key)
  if tonumber(redis.call('ZSCORE', retries, retry) or math.huge) > until_ then return end
  local blob = redis.call('GET', key)
  if blob then
    local position = 1
    while position <= #blob do
      local n, _, _, bytes, start = section_at(blob, position)
      promoted = promoted + n
      position = start + bytes + 1
    end
    redis.call('LPUSH', queue, blob)
    redis.call('DEL', key)
  end
  redis.call('ZREM', retries, retry)
end
for i, retry in ipairs(ARGV) do promote(retry, KEYS[4 + i]) end
if promoted > 0 then
  redis.call('HINCRBY', counts, 'delayed', -promoted)
  redis.call('HINCRBY', counts, 'queued', promoted)
  redis.call('HINCRBY', meta, 'revision', 1)
end
local following = redis.call('ZRANGE', retries, 0, 0, 'WITHSCORES')
local wait = following[2] and (all and 0 or math.max(0, tonumber(following[2]) - now)) or -1
return { promoted, wait }
