-- Puts retry waves whose time has come at the front of the queue (all of them when the lane is being
-- cancelled).
-- KEYS: meta, counts, queue, waves, then the strings of the waves that come first
-- ARGV: ids of these waves
-- Returns: {jobs promoted, ms until the next wave can be promoted or -1}
-- include: clock, job_sections
local meta, counts, queue, waves = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now = now_ms()
local all = redis.call('HGET', meta, 'status') == 'cancelling'
local until_ = all and math.huge or now

local promoted = 0
local function promote(wave, key)
  if tonumber(redis.call('ZSCORE', waves, wave) or math.huge) > until_ then return end
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
  redis.call('ZREM', waves, wave)
end
for i, wave in ipairs(ARGV) do promote(wave, KEYS[4 + i]) end
if promoted > 0 then
  redis.call('HINCRBY', counts, 'delayed', -promoted)
  redis.call('HINCRBY', counts, 'queued', promoted)
  redis.call('HINCRBY', meta, 'journal', 1)
end
local following = redis.call('ZRANGE', waves, 0, 0, 'WITHSCORES')
local wait = following[2] and (all and 0 or math.max(0, tonumber(following[2]) - now)) or -1
return { promoted, wait }
