-- Gives back permits for messages that were not used, once.
-- KEYS: limiter, permit
-- ARGV: messages, messages/s
-- Returns: 1 if they were taken back, else 0
local limiter, permit = KEYS[1], KEYS[2]
local n, rate = tonumber(ARGV[1]), tonumber(ARGV[2])
if rate <= 0 or redis.call('DEL', permit) == 0 then return 0 end
local arrival = redis.call('HGET', limiter, 'messages')
if not arrival then return 0 end
redis.call('HSET', limiter, 'messages', string.format('%.0f', tonumber(arrival) - n * 1000000 / rate))
return 1
