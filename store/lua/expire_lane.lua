-- Removes a lane that has ended, in steps: the first takes away all that says that there is such a lane,
-- this one and the following ones its numbered keys, so many at a time. Repeat it until it answers 0.
-- KEYS: meta, counts, codes, stats, dead, expiring (what is left to remove)
-- ARGV: messages a numbered key holds, most keys, prefixes of the numbered keys
-- Returns: {numbered keys left, or -1 if the lane has not ended}
local meta, counts, codes, stats, dead, expiring = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local per_key, most, prefixes = tonumber(ARGV[1]), tonumber(ARGV[2]), { unpack(ARGV, 3) }
local call = redis.call

local lane = call('HMGET', meta, 'status', 'next')
if lane[1] then
  if lane[1] ~= 'finished' and lane[1] ~= 'cancelled' then return { -1 } end
  call('SET', expiring, math.ceil(tonumber(lane[2]) / per_key))
  call('UNLINK', meta, counts, codes, stats, dead)
end
local left = tonumber(call('GET', expiring) or 0)
local removed = 0
while left > 0 and (removed == 0 or removed + #prefixes <= most) do
  left, removed = left - 1, removed + #prefixes
  for _, prefix in ipairs(prefixes) do call('UNLINK', prefix .. left) end
end
if left == 0 then call('DEL', expiring) else call('SET', expiring, left) end
return { left * #prefixes }
