-- Has a subscription go on from a position at once; a process that is sending for it stops.
-- KEYS: its progress
-- ARGV: the position
-- Returns: 1
-- include: clock
redis.call('HDEL', KEYS[1], 'owner', 'lease', 'failing_since')
redis.call('HSET', KEYS[1], 'cursor', ARGV[1], 'due', 0, 'failures', 0, 'well_at', now_ms())
return 1
