-- Makes messages due at once whose people may not get them yet by another revision of the rules (quiet
-- hours, tiers): the next claim decides anew.
-- KEYS: meta, retry batches
-- ARGV: revision of the rules
-- Returns: number of retry batches
-- include: clock
local meta, retries, hours = KEYS[1], KEYS[2], ARGV[1]
local released, now = 0, now_ms()
for _, retry in ipairs(redis.call('ZRANGE', retries, 0, -1)) do
  local by = string.match(retry, '^q%a?%d+%-(%d+)%-')
  if by and by ~= hours then
    redis.call('ZADD', retries, now, retry)
    released = released + 1
  end
end
redis.call('HDEL', meta, 'hours_revision')
return released
