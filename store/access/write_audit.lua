-- Writes an entry of the audit trail, and its address under the same id, and deletes expired ones.
-- KEYS: entries, addresses
-- ARGV: ms for which entries are kept, ms for which addresses are, most entries; who, act, object,
--       digests of the state before and after; address ('' = none)
-- Returns: id of the entry
-- include: clock
local entries, addresses = KEYS[1], KEYS[2]
local kept, kept_addresses, most = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local now, call = now_ms(), redis.call
local id = call('XADD', entries, 'MAXLEN', '~', most, '*', 'who', ARGV[4], 'act', ARGV[5], 'object', ARGV[6],
  'before', ARGV[7], 'after', ARGV[8])
if ARGV[9] ~= '' then call('XADD', addresses, id, 'address', ARGV[9]) end
call('XTRIM', entries, 'MINID', math.max(0, now - kept))
call('XTRIM', addresses, 'MINID', math.max(0, now - kept_addresses))
return id
