-- Takes away a campaign of which nothing can have gone out, since its file has not been read to its end. What is
-- left, its numbered keys, is removed by expire_lane.
-- KEYS: meta, counts, queue, expiring
-- ARGV: messages a numbered key holds
-- Returns: {1 if it was taken away}
local meta, counts, queue, expiring = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local call = redis.call
local lane = call('HMGET', meta, 'status', 'loaded', 'early', 'next')
if lane[1] ~= 'loading' and lane[1] ~= 'paused' or lane[2] == '1' or lane[3] == '1' then return { 0 } end
call('SET', expiring, math.ceil(tonumber(lane[4]) / tonumber(ARGV[1])))
call('UNLINK', meta, counts, queue)
return { 1 }
