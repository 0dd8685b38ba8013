-- Releases the places under the cap of messages that people of one shard did not get.
-- KEYS: hashes of counted messages, by even and odd periods
-- ARGV: the lane's part of their ids, the people, a line each, indexes of their messages
-- Returns: number of released places
-- include: counted_marketing
local lane, call, indexes, released, i = ARGV[1], redis.call, {}, 0, 0
for index in string.gmatch(ARGV[3], '%d+') do indexes[#indexes + 1] = index end
for who in string.gmatch(ARGV[2], '([^\n]*)\n') do
  i = i + 1
  for _, key in ipairs(KEYS) do
    local _, kept, is_in = others_in(call('HGET', key, who), lane .. '.' .. indexes[i], 0)
    if is_in then
      released = released + 1
      if kept == '' then call('HDEL', key, who) else call('HSET', key, who, kept) end
    end
  end
end
return released
