-- Marks the recipient file as read to its end: the lane may be claimed from, at its time if it has one.
-- KEYS: meta, counts
-- ARGV: digest of the plan, sum of the rows ('' where they are not known), messages of the canary
-- Returns: {status, jobs in the lane, duplicates, invalid rows}
-- include: clock, finish_lane
local meta, counts = KEYS[1], KEYS[2]
if redis.call('EXISTS', meta) == 0 then return { 'gone', 0, 0, 0 } end
redis.call('HSET', meta, 'loaded', 1)
if ARGV[2] ~= '' then redis.call('HSET', meta, 'plan_digest', ARGV[1], 'file_sum', ARGV[2]) end
local lane = redis.call('HMGET', meta, 'status', 'send_at', 'canary_state')
if lane[3] == 'loading' then
  redis.call('HSET', meta, 'canary_state', 'sending', 'canary_size', ARGV[3])
end
if lane[1] == 'loading' then
  redis.call('HSET', meta, 'status', (tonumber(lane[2] or '') or 0) > now_ms() and 'scheduled' or 'sending')
end
local status = finish_if_done(meta, counts)
local sums = redis.call('HMGET', meta, 'next', 'duplicates', 'invalid_rows')
return { status, tonumber(sums[1] or 0), tonumber(sums[2] or 0), tonumber(sums[3] or 0) }
