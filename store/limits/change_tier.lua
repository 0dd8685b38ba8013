-- Notes the tier of a portfolio as the provider told it; an event older than the last one, or that one again,
-- changes nothing.
-- KEYS: tiers
-- ARGV: portfolio, tier, tier in the settings, time of the event in ms
-- Returns: 1 if it changed, else 0
local tiers, portfolio = KEYS[1], ARGV[1]
local told = table.concat({ ARGV[2], ARGV[3], ARGV[4] }, ' ')
local before = redis.call('HGET', tiers, portfolio)
local was, at = string.match(before or '', '^(%d+) %d+ (%d+)$')
at = tonumber(at or -1)
if at > tonumber(ARGV[4]) or at == tonumber(ARGV[4]) and was == ARGV[2] then return 0 end
redis.call('HSET', tiers, portfolio, told)
redis.call('HINCRBY', tiers, ':revision', 1)
return 1
