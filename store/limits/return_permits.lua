-- Returns unused permits for messages, once. Later turns that others have got since are kept: only so
-- much is returned that the next turn begins when the last of them ends; otherwise two of them would go
-- at the same moment.
-- KEYS: limiter, permit
-- ARGV: messages, messages/s
-- Returns: 1 if they were returned, else 0
local limiter, permit = KEYS[1], KEYS[2]
local n, rate = tonumber(ARGV[1]), tonumber(ARGV[2])
local before = redis.call('GET', permit)
if rate <= 0 or not before then return 0 end
redis.call('DEL', permit)
local is = redis.call('HMGET', limiter, 'messages', 'given')
if not is[1] then return 0 end
local now, unused = tonumber(is[1]), n * 1000000 / rate
local last = cjson.decode(before).arrival == is[1]
local after = last and now - unused or math.max(now - unused, math.min(now, tonumber(is[2] or 0)))
redis.call('HSET', limiter, 'messages', string.format('%.0f', after))
if last then redis.call('HSET', limiter, 'given', string.format('%.0f', tonumber(is[2] or 0) - unused)) end
return 1
