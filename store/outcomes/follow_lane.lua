-- Makes the scripts of a lane write the changes of its messages into its outbox, or stop it.
-- KEYS: meta, outbox
-- ARGV: '1', or '' to stop it
-- Returns: 1; 0 if there is no such lane
local meta, outbox = KEYS[1], KEYS[2]
if ARGV[1] == '' then redis.call('UNLINK', outbox) end
if redis.call('EXISTS', meta) == 0 then return 0 end
if ARGV[1] == '' then redis.call('HDEL', meta, 'outcomes') else redis.call('HSET', meta, 'outcomes', 1) end
return 1
