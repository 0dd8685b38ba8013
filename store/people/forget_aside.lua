-- Deletes unmatched bodies older than so many ms.
-- KEYS: aside (stream)
-- ARGV: greatest age, ms
-- Returns: number deleted
-- include: clock
return redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f', now_ms() - tonumber(ARGV[1])))
