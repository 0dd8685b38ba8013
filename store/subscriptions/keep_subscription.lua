-- Adds, replaces or removes a subscription, if it still is as the caller read it.
-- KEYS: subscriptions, its progress, its dead letters
-- ARGV: id, as it was read ('' = it is new), as it should be ('' = removed), its sub-account, most
--       subscriptions of a sub-account
-- Returns: 'ok', 'changed' (read it again), or 'full'
local subscriptions, progress, dead = KEYS[1], KEYS[2], KEYS[3]
local id, old, new, sub_account, most = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local call = redis.call
if (call('HGET', subscriptions, id) or '') ~= old then return 'changed' end
if new == '' then
  call('HDEL', subscriptions, id)
  call('UNLINK', progress, dead)
  return 'ok'
end
local n = 0
for _, one in ipairs(call('HVALS', subscriptions)) do
  if cjson.decode(one).sub_account == sub_account then n = n + 1 end
end
if old == '' and n >= most then return 'full' end
call('HSET', subscriptions, id, new)
return 'ok'
