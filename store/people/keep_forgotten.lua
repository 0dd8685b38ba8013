-- Stores the digest of a forgotten person with the suppression that held; or changes it.
-- KEYS: forgotten
-- ARGV: digest, suppression ('' = none), 1 to change a stored one, which may remove the suppression
-- Returns: 1 if it is stored now, else 0
-- include: clock
local forgotten, digest, suppression, changes = KEYS[1], ARGV[1], ARGV[2], ARGV[3] == '1'
local before = redis.call('HGET', forgotten, digest)
if changes and not before then return 0 end
local since, held = string.match(before or '', '^(%d+) (.*)$')
since = since or string.format('%.0f', now_ms())
if suppression == '' and not changes then suppression = held or '' end
redis.call('HSET', forgotten, digest, since .. ' ' .. suppression)
return 1
