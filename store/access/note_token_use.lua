-- Notes that an API token was used in this hour; a deleted token is ignored.
-- KEYS: tokens, used
-- ARGV: id
-- Returns: 1 if it was noted, else 0
-- include: clock
local tokens, used, id = KEYS[1], KEYS[2], ARGV[1]
local HOUR = 3600
if redis.call('HEXISTS', tokens, id) == 0 then return 0 end
redis.call('HSET', used, id, string.format('%d', math.floor(now_ms() / 1000 / HOUR) * HOUR))
return 1
