-- Copies a part of an older key into its replacement; existing entries stay.
-- KEYS: the new key
-- ARGV: type (hash, zset, set or stream), then field and value, member and score, member, or body,
--       repeated
-- Returns: how many were new
local key, kind = KEYS[1], ARGV[1]
local added = 0
if kind == 'set' then
  for i = 2, #ARGV do added = added + redis.call('SADD', key, ARGV[i]) end
elseif kind == 'stream' then
  for i = 2, #ARGV do redis.call('XADD', key, '*', 'body', ARGV[i]) end
  added = #ARGV - 1
else
  for i = 2, #ARGV, 2 do
    if kind == 'hash' then
      added = added + redis.call('HSETNX', key, ARGV[i], ARGV[i + 1])
    else
      added = added + redis.call('ZADD', key, 'NX', ARGV[i + 1], ARGV[i])
    end
  end
end
return added
