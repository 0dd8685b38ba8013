-- Suppresses people, for some purposes or for all. An opt-out has a time: a later release overrules it,
-- and one that arrives twice or late changes nothing. A reply does not weaken an operator's suppression.
-- KEYS: suppressed, lifted, events (stream)
-- ARGV: source (r = reply, b = receipt, o = operator, i = import), its name if new suppressions are told ('' = they
--       are not), then for each person: person, time in ms ('' = now), letters of the purposes ('' = all)
-- Returns: {people with new suppressions, known, overruled by a release}
-- include: clock, argv_reader, suppression, person_events
local suppressed, lifted, events, source, told = KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2]
local now = now_ms()
local call = redis.call

local new, known, overtaken = 0, 0, 0
local take = reader(ARGV, 3)
for _ = 1, (#ARGV - 2) / 3 do
  local who, at, purposes = take(), tonumber(take()), take()
  local since = math.min(at or now, now)
  local released = at and tonumber(call('ZSCORE', lifted, who) or nil)
  if released and released >= since then
    overtaken = overtaken + 1
  else
    local entries = entries_of(call('HGET', suppressed, who))
    local before, mine = stopped_by(entries), entries[source]
    if mine then
      -- an opt-out counts from its last repetition, a list from its import
      local is_wish = source == 'r' or source == 'b'
      since = is_wish and math.max(since, mine.since) or mine.since
      purposes = united(mine.purposes, purposes)
    end
    entries[source] = { since = since, purposes = purposes }
    call('HSET', suppressed, who, value_of(entries))
    local after = stopped_by(entries)
    if after == before then
      known = known + 1
    else
      new = new + 1
      if told ~= '' then
        keep_person_event(events, now, cjson.encode({ type = 'optout.added', who = who, source = told, purposes = after }))
      end
    end
  end
end
return { new, known, overtaken }
