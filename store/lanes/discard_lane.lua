-- Removes a campaign whose file is not loaded, and of which nothing can have been sent. expire_lane
-- removes its numbered keys.
-- KEYS: meta, counts, queue, expiring
-- ARGV: messages a numbered key holds
-- Returns: {1 if it was removed}
local meta, counts, queue, expiring = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local call = redis.call
local lane = call('HMGET', meta, 'status', 'loaded', 'early', 'next')
if lane[1] ~= 'loading' and lane[1] ~= 'paused' or lane[2] == '1' or lane[3] == '1' then return { 0 } end
call('SET', expiring, math.ceil(tonumber(lane[4]) / tonumber(ARGV[1])))
call('UNLINK', meta, counts, queue)
return { 1 }
