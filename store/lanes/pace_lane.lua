-- Changes the pace of a campaign: its own rate and its weight beside other lanes. Workers learn of it with
-- their next claim, at most a second later.
-- KEYS: meta
-- ARGV: messages/s (0 = no rate of its own, '' = as it is), weight ('' = as it is)
-- Returns: {1 if it is a campaign else 0, messages/s, weight}
local meta, rate, weight = KEYS[1], ARGV[1], ARGV[2]
if redis.call('HGET', meta, 'kind') ~= 'campaign' then return { 0, '0', '1' } end
if rate ~= '' then redis.call('HSET', meta, 'rate', rate) end
if weight ~= '' then redis.call('HSET', meta, 'weight', weight) end
local is = redis.call('HMGET', meta, 'rate', 'weight')
return { 1, is[1] or '0', is[2] or '1' }
