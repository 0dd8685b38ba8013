-- Notes that people must not be written to. A wish is a moment: whoever has been released since stays
-- released, and a wish that is told twice, or late, changes nothing. What an operator has written down is
-- not weakened by a reply.
-- KEYS: suppressed, lifted
-- ARGV: why (r = reply, o = operator, i = import), then for each person: who, when in ms ('' = now)
-- Returns: {new, known, overtaken by a release}
-- include: clock, reader
local suppressed, lifted, why = KEYS[1], KEYS[2], ARGV[1]
local now = now_ms()
local call = redis.call

local new, known, overtaken = 0, 0, 0
local take = reader(ARGV, 2)
for _ = 1, (#ARGV - 1) / 2 do
  local who, at = take(), tonumber(take())
  local since = math.min(at or now, now)
  local released = at and tonumber(call('ZSCORE', lifted, who) or nil)
  local is = call('HGET', suppressed, who)
  if released and released >= since then
    overtaken = overtaken + 1
  elseif not is then
    call('HSET', suppressed, who, string.format('%.0f', since) .. why)
    new = new + 1
  else
    local was, by = string.match(is, '^(%d+)(%a)$')
    if by == 'r' and (why ~= 'r' or since > tonumber(was)) then
      call('HSET', suppressed, who, string.format('%.0f', why == 'r' and since or was) .. why)
    end
    known = known + 1
  end
end
return { new, known, overtaken }
