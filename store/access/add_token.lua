-- Stores an API token, without its secret. A repeat changes nothing and returns the stored record.
-- KEYS: tokens
-- ARGV: id, seconds until it expires (0: never), record as JSON
-- Returns: the record: '<created, s since 1970> <expires, s since 1970, or 0> <JSON>'
-- include: clock
local tokens, id, lives, kept = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3]
local before = redis.call('HGET', tokens, id)
if before then return before end
local now = math.floor(now_ms() / 1000)
local record = string.format('%d %d %s', now, lives > 0 and now + lives or 0, kept)
redis.call('HSET', tokens, id, record)
return record
