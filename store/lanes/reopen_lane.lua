-- Allows people of a further file to be added to a loaded campaign; a finished one is sent again. A
-- repeat for the same file changes nothing, so that an interrupted addition can continue.
-- KEYS: meta
-- ARGV: identification of the file and how it is read
-- Returns: 'ok', or the obstacle: the status, or 'loading' while another file is being read
local meta, source = KEYS[1], ARGV[1]
local lane = redis.call('HMGET', meta, 'status', 'loaded', 'adding', 'kind')
local status = lane[1]
if not status or lane[4] ~= 'campaign' then return 'gone' end
if status == 'cancelling' or status == 'cancelled' or status == 'halted' then return status end
if lane[2] ~= '1' then return lane[3] == source and 'ok' or 'loading' end
redis.call('HSET', meta, 'loaded', 0, 'early', 1, 'adding', source, 'offset', 0, 'line', 0, 'row', 0, 'rows_sum', '')
redis.call('HDEL', meta, 'last')
if status == 'finished' then
  redis.call('HSET', meta, 'status', 'sending')
  redis.call('HDEL', meta, 'finished_at')
end
redis.call('HINCRBY', meta, 'revision', 1)
return 'ok'
