-- Keeps a decision about the rate of a sub-account, unless another one came first, and deletes signals
-- that no decision needs any more.
-- KEYS: learned rate, its history, signals
-- ARGV: state before ('' = none), state, messages/s, change for the history ('' = none), ms for which
--       changes are kept, most of them; fields of the signals to delete ...
-- Returns: 1, or 0 if another decision came first
-- include: clock
local learned, history, signals = KEYS[1], KEYS[2], KEYS[3]
local before, state, rate, change, kept, most = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local call = redis.call

if (call('HGET', learned, 'state') or '') ~= before then return 0 end
call('HSET', learned, 'state', state, 'rate', rate)
if change ~= '' then
  call('XADD', history, 'MAXLEN', '~', most, '*', 'change', change)
  call('XTRIM', history, 'MINID', math.max(0, now_ms() - kept))
end
for i = 7, #ARGV do call('HDEL', signals, ARGV[i]) end
call('PEXPIRE', signals, 3600000)
return 1
