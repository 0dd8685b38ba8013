-- Finds people whose last message was not marketing.
-- KEYS: sets of them, by even and odd periods
-- ARGV: people
-- Returns: their positions (from 0)
-- include: unmarketed
local places, found = {}, is_unmarketed(KEYS, ARGV)
for i = 1, #ARGV do
  if found[i] then places[#places + 1] = i - 1 end
end
return places
