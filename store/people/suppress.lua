-- Notes that people must not be written to, for some purposes or for all. A wish is a moment: whoever has been
-- released since stays released, and a wish that is told twice, or late, changes nothing. What an operator has
-- written down is not weakened by a reply.
-- KEYS: suppressed, lifted
-- ARGV: source (r = reply, b = receipt, o = operator, i = import), then for each person: who, when in ms ('' = now),
--       letters of the purposes ('' = all)
-- Returns: {people who get less now, known, overtaken by a release}
-- include: clock, argv_reader, suppression
local suppressed, lifted, source = KEYS[1], KEYS[2], ARGV[1]
local now = now_ms()
local call = redis.call

local new, known, overtaken = 0, 0, 0
local take = reader(ARGV, 2)
for _ = 1, (#ARGV - 1) / 3 do
  local who, at, purposes = take(), tonumber(take()), take()
  local since = math.min(at or now, now)
  local released = at and tonumber(call('ZSCORE', lifted, who) or nil)
  if released and released >= since then
    overtaken = overtaken + 1
  else
    local entries = entries_of(call('HGET', suppressed, who))
    local before, mine = stopped_by(entries), entries[source]
    if mine then
      -- a wish counts from when it was uttered last, a list from when it was written
      local is_wish = source == 'r' or source == 'b'
      since = is_wish and math.max(since, mine.since) or mine.since
      purposes = united(mine.purposes, purposes)
    end
    entries[source] = { since = since, purposes = purposes }
    call('HSET', suppressed, who, value_of(entries))
    if stopped_by(entries) ~= before then new = new + 1 else known = known + 1 end
  end
end
return { new, known, overtaken }
