-- Somebody has told us about a batch of ours, and not about which of its messages: none of those that are
-- in doubt goes out again by itself.
-- KEYS: the batch as a flight, and as a park of its own or of what was doubtful in it
-- Returns: how many of these there are
local there = 0
for _, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 1 then
    redis.call('HSET', key, 'held', 1)
    there = there + 1
  end
end
return there
