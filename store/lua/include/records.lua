-- Outcome records (store/outcomes.py). A capital mark is evidence that came while the job still existed.
local function is_early(mark) return mark >= 65 and mark <= 90 end
local function with_mark(mark, record) return string.char(mark) .. string.sub(record, 2) end

-- Undelivered messages by the code of the receipt (0 = it names none): counted where their state is. Nothing is
-- left of a code that comes to nothing.
local UNDELIVERED = 'undelivered'
local undelivered = {}
local function note_undelivered(record, by)
  local code = string.byte(record, 4) * 256 + string.byte(record, 5)
  undelivered[code] = (undelivered[code] or 0) + by
end
local function count_undelivered(codes)
  for code, n in pairs(undelivered) do
    local name = UNDELIVERED .. ':receipt:' .. code
    if n ~= 0 and redis.call('HINCRBY', codes, name, n) <= 0 then redis.call('HDEL', codes, name) end
  end
end

-- The number of a record: seven bytes, zeros for none.
local NO_NUMBER = string.rep('\0', 7)
local function number_in(record) return string.sub(record, 14, 20) end
local function without_number(record)
  if number_in(record) == NO_NUMBER then return record end
  return string.sub(record, 1, 13) .. NO_NUMBER .. string.sub(record, 21)
end
-- Channels write some numbers otherwise than we do (a 9 in Brazil and Argentina, a 1 in Mexico): the last
-- eight digits tell.
local function same_person(one, other)
  if one == other then return true end
  local function tail(bytes)
    local n = 0
    for i = 1, #bytes do n = n * 256 + string.byte(bytes, i) end
    return n % 1e8
  end
  return tail(one) == tail(other)
end

-- The record that stays, with what only the other one knows: when it was posted, the number, the umid.
local function combined(stays, other)
  local function known(from, to)
    local mine = string.sub(stays, from, to)
    if string.find(mine, '[^%z]') then return mine end
    return string.sub(other, from, to)
  end
  if #other == 0 then return stays end
  return string.sub(stays, 1, 5) .. known(6, 9) .. string.sub(stays, 10, 13) .. known(14, 20) .. known(21, 36)
end

-- Which of two records stays: the higher rank. Evidence that came early counts from now on if the job has
-- ended (on_known), and goes on being early if it has not; on_move says that the count belongs elsewhere, and
-- which record stays.
local function merged(new, old, on_move, on_known)
  local mark, was = string.byte(new), string.byte(old) or 0
  local early, ended = is_early(was), COUNTED[mark]
  if early and ended then on_known() end
  if RANK[mark] > RANK[was] or (RANK[mark] == RANK[was] and not early) then return combined(new, old) end
  if ended and (early or COUNTED[was]) then on_move(mark, was, old) end
  return with_mark(early and ended and was + 32 or was, combined(old, new))
end
