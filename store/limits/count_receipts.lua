-- Counts receipts with a code, and tells when so many have come in some time; then it begins anew.
-- KEYS: count
-- ARGV: id of this call (a repeated one changes nothing), number of receipts, how many it takes, ms in
--       which they count
-- Returns: the number counted if it takes no more, else 0
local key, op, n, least, within = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local call = redis.call
local known, reached = unpack(call('HMGET', key, 'op', 'reached'))
if known == op then return tonumber(reached) end
local counted = call('HINCRBY', key, 'n', n)
if counted == n then call('PEXPIRE', key, within) end
reached = counted >= least and counted or 0
if reached > 0 then call('HDEL', key, 'n') end
call('HSET', key, 'op', op, 'reached', reached)
return reached
