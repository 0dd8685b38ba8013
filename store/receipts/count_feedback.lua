-- Counts people who replied to a campaign, or opted out of it. Each counts once: a bit in the record of
-- the message tells that it is counted. A forgotten person counts no more.
-- KEYS: stats, then strings of records
-- ARGV: for each string of records: the places of messages in it and the bit to set, `12:2 17:4`
-- Returns: number of people counted now
local stats = KEYS[1]
local call, FORGOTTEN = redis.call, 1
local counted = 0
for i = 2, #KEYS do
  for place, bit in string.gmatch(ARGV[i - 1], '(%d+):(%d)') do
    local at = place * WIDTH + FLAGS - 1
    local flags = string.byte(call('GETRANGE', KEYS[i], at, at))
    if flags and flags % (2 * FORGOTTEN) == 0 and flags % (2 * bit) < tonumber(bit) then
      call('SETRANGE', KEYS[i], at, string.char(flags + bit))
      call('HINCRBY', stats, FEEDBACK[tonumber(bit)], 1)
      counted = counted + 1
    end
  end
end
return counted
