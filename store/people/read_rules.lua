-- Returns the checks that a sub-account's recipients need at the moment, as bits.
-- KEYS: people
-- ARGV: policy for closed windows (skip; auto = skip once people have written; '' = send), ms for which
--       a last message that was not marketing is remembered, ms for which unreachable people are at most,
--       then the kinds in `people`: suppressed by the sub-account, replied to it, last message not
--       marketing, suppressed everywhere, unreachable
-- Returns: 1 if there are suppressions + 2 if windows count + 4 if last messages are noted + 8 if there
--          are suppressions of all sub-accounts + 16 if there may be unreachable people
-- include: clock
local policy, remembered, longest = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local here, replied, last, everywhere, missed = unpack(redis.call('HMGET', KEYS[1], unpack(ARGV, 4)))
local rules = (here and 1 or 0) + (everywhere and 8 or 0)
if policy == 'skip' or (policy == 'auto' and tonumber(replied or 0) > 0) then rules = rules + 2 end
if last and tonumber(last) > now_ms() - remembered then rules = rules + 4 end
if missed and tonumber(missed) > now_ms() - longest then rules = rules + 16 end
return rules
