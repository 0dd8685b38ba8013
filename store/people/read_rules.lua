-- Which rules there are at the moment for what a sub-account sends, as bits.
-- KEYS: people
-- ARGV: what to do outside the window (skip; auto = skip once people have written; '' = send), ms for which it is
--       remembered whose last message was not marketing, then how these are noted in `people`: suppressed by the
--       sub-account, replied to it, last message not marketing, suppressed everywhere
-- Returns: 1 if anybody is suppressed + 2 if windows count + 4 if anybody's last message was not marketing + 8 if
--          anybody is suppressed everywhere
-- include: clock
local policy, remembered = ARGV[1], tonumber(ARGV[2])
local here, replied, last, everywhere = unpack(redis.call('HMGET', KEYS[1], unpack(ARGV, 3)))
local rules = (here and 1 or 0) + (everywhere and 8 or 0)
if policy == 'skip' or (policy == 'auto' and tonumber(replied or 0) > 0) then rules = rules + 2 end
if last and tonumber(last) > now_ms() - remembered then rules = rules + 4 end
return rules
