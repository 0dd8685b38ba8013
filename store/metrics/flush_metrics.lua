-- Adds the counts of one process to the sums. A process flushes sequentially, so the number of its last
-- flush identifies a repeat.
-- KEYS: metrics, the last flush of this process
-- ARGV: number of the flush, then field, increment, field, increment …
-- Returns: 1 if the increments were added, 0 if they had been before
local metrics, last = KEYS[1], KEYS[2]
local number = tonumber(ARGV[1])
local KEPT_SECONDS = 86400

if tonumber(redis.call('GET', last) or 0) >= number then return 0 end
for i = 2, #ARGV, 2 do
  redis.call('HINCRBY', metrics, ARGV[i], ARGV[i + 1])
end
redis.call('SET', last, number, 'EX', KEPT_SECONDS)
return 1
