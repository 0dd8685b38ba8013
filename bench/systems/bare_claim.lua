-- Takes up to n rows; a worker that dies with them loses them.
-- KEYS: run, queue
-- ARGV: most rows
-- Returns: {name of the run, rows or false}
local run, queue, most = KEYS[1], KEYS[2], ARGV[1]
return { redis.call('GET', run), redis.call('LPOP', queue, most) }
