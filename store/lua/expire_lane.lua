-- Removes a lane that has ended, in steps: the first takes away all that says that there is such a lane,
-- this one and the following ones its numbered keys, so many at a time. Repeat it until it answers 0.
-- KEYS: meta, counts, codes, stats, dead, expiring (what is left to remove)
-- ARGV: prefixes of outcomes, trails, long ids, seen; messages an outcome key holds; most keys
-- Returns: {numbered keys left, or -1 if the lane has not ended}
local meta, counts, codes, stats, dead, expiring = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local by_index, seen, per_key, most =
  { ARGV[1], ARGV[2], ARGV[3] }, ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local call = redis.call

local lane = call('HMGET', meta, 'status', 'next', 'seen_buckets')
if lane[1] then
  if lane[1] ~= 'finished' and lane[1] ~= 'cancelled' then return { -1 } end
  local outcomes = math.ceil(tonumber(lane[2]) / per_key)
  call('HSET', expiring, 'outcomes', outcomes, 'seen', tonumber(lane[3] or 0))
  call('UNLINK', meta, counts, codes, stats, dead)
end
local left = call('HMGET', expiring, 'outcomes', 'seen')
local outcomes, buckets = tonumber(left[1] or 0), tonumber(left[2] or 0)
local removed = 0
while outcomes > 0 and removed + #by_index <= most do
  outcomes, removed = outcomes - 1, removed + #by_index
  for _, prefix in ipairs(by_index) do call('UNLINK', prefix .. outcomes) end
end
while outcomes == 0 and buckets > 0 and removed < most do
  buckets, removed = buckets - 1, removed + 1
  call('UNLINK', seen .. buckets)
end
if outcomes + buckets == 0 then
  call('DEL', expiring)
else
  call('HSET', expiring, 'outcomes', outcomes, 'seen', buckets)
end
return { outcomes * #by_index + buckets }
