-- Deletes bodies that have been kept aside for too long.
-- KEYS: aside (stream)
-- ARGV: how long they are kept, ms
-- Returns: how many
-- include: clock
return redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f', now_ms() - tonumber(ARGV[1])))
