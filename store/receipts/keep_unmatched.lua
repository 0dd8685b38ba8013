-- Keeps the newest bodies that concern no message of ours: replies, business events, receipts of other
-- senders. A repeat keeps them twice, which is harmless.
-- KEYS: aside (stream)
-- ARGV: most entries to keep, then bodies
-- Returns: entries kept
local aside, most = KEYS[1], ARGV[1]
for i = 2, #ARGV do redis.call('XADD', aside, 'MAXLEN', '~', most, '*', 'body', ARGV[i]) end
return #ARGV - 1
