-- Changes quiet hours; an empty value takes a change back. Each change has a new revision.
-- KEYS: quiet hours
-- ARGV: field, value, field, value …
-- Returns: all fields and values
local hours = KEYS[1]
for i = 1, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', hours, ARGV[i])
  else
    redis.call('HSET', hours, ARGV[i], ARGV[i + 1])
  end
end
redis.call('HINCRBY', hours, 'revision', 1)
return redis.call('HGETALL', hours)
