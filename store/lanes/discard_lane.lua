-- Removes a draft, or a campaign whose file is not loaded and of which nothing can have been sent.
-- expire_lane removes its numbered keys.
-- KEYS: meta, counts, queue, expiring, then the kept files of a draft
-- ARGV: messages a numbered key holds; 'draft' to remove nothing but a draft
-- Returns: {1 if it was removed}
local meta, counts, queue, expiring = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local call = redis.call
local status, loaded, early, next = unpack(call('HMGET', meta, 'status', 'loaded', 'early', 'next'))
local unsent = (status == 'loading' or status == 'paused') and loaded ~= '1' and early ~= '1'
if ARGV[2] == 'draft' then unsent = status == 'draft' end
if not unsent then return { 0 } end
call('SET', expiring, math.ceil(tonumber(next) / tonumber(ARGV[1])))
call('UNLINK', meta, counts, queue)
for i = 5, #KEYS do call('UNLINK', KEYS[i]) end
return { 1 }
