-- Makes messages due at once whose people may not get them yet by another revision of the rules (quiet
-- hours, tiers): the next claim decides anew.
-- KEYS: meta, retry batches
-- ARGV: revision of the rules
-- Returns: number of retry batches
-- include: clock
local meta, retries, rules = KEYS[1], KEYS[2], ARGV[1]
local released, stays, now = 0, false, now_ms()
for _, retry in ipairs(redis.call('ZRANGE', retries, 0, -1)) do
  local by = string.match(retry, '^q%a?%d+%-(%d+)%-')
  if by and by ~= rules then
    redis.call('ZADD', retries, now, retry)
    released = released + 1
  end
  stays = stays or by == rules
end
if stays then
  redis.call('HSET', meta, 'hours_revision', rules)
else
  redis.call('HDEL', meta, 'hours_revision')
end
return released
