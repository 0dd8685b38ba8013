-- Outcome records (store/records/outcome.py). A capital mark is a status update that came while the job
-- still existed.
local function is_early(mark) return mark >= 65 and mark <= 90 end
local function with_mark(mark, record) return string.char(mark) .. string.sub(record, 2) end

-- Adds a counted record to the figures besides its state: the code of a message that did not arrive, and
-- the doubt that another attempt may have arrived. A figure of zero is deleted, so that figures and
-- records always agree.
local codes_noted, doubts_noted = {}, {}
local function note(record, by)
  local mark, _, origin, high, low = string.byte(record, 1, 5)
  if CODED[mark] then
    local name = NAME[mark] .. ':' .. ORIGIN[origin % 16] .. ':' .. high * 256 + low
    codes_noted[name] = (codes_noted[name] or 0) + by
  end
  if string.byte(record, DOUBT) % 2 == 1 then
    local name = 'doubt:' .. NAME[mark]
    doubts_noted[name] = (doubts_noted[name] or 0) + by
  end
end
local function write_noted(codes, stats)
  for key, noted in pairs({ [codes] = codes_noted, [stats] = doubts_noted }) do
    for name, n in pairs(noted) do
      if n ~= 0 and redis.call('HINCRBY', key, name, n) <= 0 then redis.call('HDEL', key, name) end
    end
  end
end

-- The number field of a record: seven bytes, zeros for none.
local NO_NUMBER = string.rep('\0', 7)
local function number_in(record) return string.sub(record, 17, 23) end
local function without_number(record)
  if number_in(record) == NO_NUMBER then return record end
  return string.sub(record, 1, 16) .. NO_NUMBER .. string.sub(record, 24)
end
-- Channels write some numbers differently (a 9 in Brazil and Argentina, a 1 in Mexico), so the last
-- eight digits decide.
local function same_person(one, other)
  if one == other then return true end
  local function tail(bytes)
    local n = 0
    for i = 1, #bytes do n = n * 256 + string.byte(bytes, i) end
    return n % 1e8
  end
  return tail(one) == tail(other)
end

-- The record that stays, completed from the other one: posting time, purpose and pricing, number, umid.
-- `teller`, one of the two, decides whether another attempt may have arrived.
local function combined(stays, other, teller)
  if #other == 0 then return stays end
  local function known(from, to)
    local mine = string.sub(stays, from, to)
    if string.find(mine, '[^%z]') then return mine end
    return string.sub(other, from, to)
  end
  local mine, theirs = string.byte(stays, 14), string.byte(other, 14)
  local purpose, pricing = mine % 16, mine - mine % 16
  if purpose == 0 then purpose = theirs % 16 end
  if pricing == 0 then pricing = theirs - theirs % 16 end
  local forgotten = known(16, 16)
  return string.sub(stays, 1, 5) .. known(6, 9) .. string.sub(stays, 10, 13) .. string.char(purpose + pricing)
    .. string.sub(teller, DOUBT, DOUBT) .. forgotten
    .. (forgotten == '\1' and string.rep('\0', 23) or known(17, 23) .. known(24, 39))
end

-- True when exactly one attempt of a message may have arrived that the record says was not sent; so its
-- status update settles the doubt. A rejected message also counts the refused attempt.
local ACCEPTED, UNKNOWN, REJECTED = RANK[string.byte('a')], string.byte('u'), string.byte('j')
local function has_one_doubt(record)
  local mark, attempts = string.byte(record, 1, 2)
  if not mark or RANK[mark] >= ACCEPTED or mark == UNKNOWN then return false end
  return attempts == (mark == REJECTED and 2 or 1)
end

-- The record of the two that stays: the higher rank. An early status update counts from now on if the
-- job has ended, and else stays early. The new record is that of a job, which knows its attempts.
local function merged(new, old)
  local mark, was = string.byte(new), string.byte(old) or 0
  local early = is_early(was)
  if RANK[mark] > RANK[was] or (RANK[mark] == RANK[was] and not early) then return combined(new, old, new) end
  local stays = combined(old, new, has_one_doubt(new) and old or new)
  return early and COUNTED[mark] and with_mark(was + 32, stays) or stays
end
-- The same for a new record that is counted already: counts the one that stays instead, in `moves` by
-- state. The second value is true when an early status update counts from now on.
local function settled(new, old, moves)
  local record = merged(new, old)
  local mark, stays = string.byte(new), string.byte(record)
  if not COUNTED[mark] then return record, false end
  if stays ~= mark then
    moves[NAME[mark]] = moves[NAME[mark]] - 1
    moves[NAME[stays]] = (moves[NAME[stays]] or 0) + 1
  end
  note(new, -1)
  note(record, 1)
  return record, is_early(string.byte(old) or 0)
end
