-- Deletes an API token.
-- KEYS: tokens, used
-- ARGV: id
-- Returns: 1 if there was one, else 0
local tokens, used, id = KEYS[1], KEYS[2], ARGV[1]
redis.call('HDEL', used, id)
return redis.call('HDEL', tokens, id)
