-- Deletes a person from the data about people of a sub-account, or of all.
-- KEYS: suppressed, lifted, windows, unreachable people, people whose last message was not marketing (two sets),
--       marketing that counts (two hashes)
-- ARGV: person, the suppression as it was read ('' = none)
-- Returns: number of deleted items; -1 if the suppression has changed: read it again
local who, value = ARGV[1], ARGV[2]
if (redis.call('HGET', KEYS[1], who) or '') ~= value then return -1 end
local there = redis.call('HDEL', KEYS[1], who)
for i = 2, 4 do there = there + redis.call('ZREM', KEYS[i], who) end
for i = 5, 6 do there = there + redis.call('SREM', KEYS[i], who) end
for i = 7, #KEYS do there = there + redis.call('HDEL', KEYS[i], who) end
return there
