-- Finds a valid API token.
-- KEYS: tokens
-- ARGV: id
-- Returns: its record, as in add_token; nil when it is unknown, revoked or expired
-- include: clock
local tokens, id = KEYS[1], ARGV[1]
local record = redis.call('HGET', tokens, id)
if not record then return false end
local expires = tonumber(string.match(record, '^%d+ (%d+)'))
if expires > 0 and expires * 1000 <= now_ms() then return false end
return record
