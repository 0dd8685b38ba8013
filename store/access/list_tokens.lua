-- Lists all API tokens and their last uses.
-- KEYS: tokens, used
-- ARGV: none
-- Returns: {{id, record, …}, {id, hour of the last use (s since 1970), …}}
local tokens, used = KEYS[1], KEYS[2]
return { redis.call('HGETALL', tokens), redis.call('HGETALL', used) }
