-- Changes the pace of a campaign: its own rate, or the time by which it is to be finished, and its weight
-- beside other lanes. Workers learn of it with their next claim, at most a second later.
-- KEYS: meta
-- ARGV: messages/s (0 = no rate of its own, '' = as it is), weight ('' = as it is), ms since 1970 by
--       which it is to be finished ('' = as it is), the zone of that time. A rate takes the time away, and
--       a time the rate.
-- Returns: {1 if it is a campaign else 0, messages/s, weight, ms since 1970 or 0, zone}
local meta, rate, weight, finish_by, zone = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('HGET', meta, 'kind') ~= 'campaign' then return { 0, '0', '1', '0', '' } end
if rate ~= '' then redis.call('HSET', meta, 'rate', rate, 'finish_by', 0, 'finish_zone', '') end
if finish_by ~= '' then redis.call('HSET', meta, 'rate', 0, 'finish_by', finish_by, 'finish_zone', zone) end
if weight ~= '' then redis.call('HSET', meta, 'weight', weight) end
local is = redis.call('HMGET', meta, 'rate', 'weight', 'finish_by', 'finish_zone')
return { 1, is[1] or '0', is[2] or '1', is[3] or '0', is[4] or '' }
