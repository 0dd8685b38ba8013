-- Removes an ended lane in steps: the first deletes what makes the lane visible, each step some of its
-- numbered keys. Repeat it until it returns 0.
-- KEYS: meta, counts, codes, stats, dead letters, expiring (thousands that are left to remove),
--       outbox, tags, tagged, then numbered keys
-- ARGV: messages a numbered key holds; thousands left as the caller believes, and how many of them, from
--       the last one down, the numbered keys cover ('' and 0 = only ask)
-- Returns: {thousands left, or -1 if the lane has not ended}
local meta, counts, codes, stats, dead, expiring = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local per_key, believed, thousands = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local FIRST = 10
local call = redis.call

local lane = call('HMGET', meta, 'status', 'next')
if lane[1] then
  if lane[1] ~= 'finished' and lane[1] ~= 'cancelled' then return { -1 } end
  call('SET', expiring, math.ceil(tonumber(lane[2]) / per_key))
  call('UNLINK', meta, counts, codes, stats, dead, KEYS[7], KEYS[8], KEYS[9])
end
local left = tonumber(call('GET', expiring) or 0)
if left == believed then
  for i = FIRST, #KEYS do call('UNLINK', KEYS[i]) end
  left = left - thousands
end
if left == 0 then call('DEL', expiring) else call('SET', expiring, left) end
return { left }
