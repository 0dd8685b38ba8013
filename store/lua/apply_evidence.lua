-- Writes what a receipt, or an answer that came too late to settle, proves about messages. A state only
-- moves forward along its rank, so news may come late, twice and in any order. Where the job still exists
-- the news is kept with a capital mark, and the job will not go out again.
-- News of another sub-account, or about another person than the message was for, is refused.
-- KEYS: meta, counts, codes
-- ARGV: prefix of outcomes, messages a string holds, prefix of the numbers of a campaign, sub-account or '',
--       then for each message: index, record; its number is the one that the news tells, 0 = none
-- Returns: {counted now, kept for a job that still exists, no news, no such message, foreign,
--           list of the places, from 0, that were refused for one of the last two causes}
-- include: reader, records
local meta, counts, codes = KEYS[1], KEYS[2], KEYS[3]
local outcomes, per_key, numbers, sub_account = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local HEAD = 4
local call = redis.call

local next_index, whose = unpack(call('HMGET', meta, 'next', 'sub_account'))
local size = tonumber(next_index or 0)
local counted, early, stale, unknown, foreign = 0, 0, 0, 0, 0
local all_foreign = sub_account ~= '' and string.lower(sub_account) ~= string.lower(whose or '')
local refused = {}
local moves, first_news = {}, 0
local take = reader(ARGV, HEAD + 1)

-- Whether the news is about the person of the message, as far as both tell a number.
local function is_for(new, old, index)
  local told = number_in(new)
  if told == NO_NUMBER then return true end
  local known = number_in(old)
  if known == NO_NUMBER or known == '' then
    local place = index % per_key
    known = call('GETRANGE', numbers .. math.floor(index / per_key), place * 7, place * 7 + 6)
  end
  return known == '' or known == NO_NUMBER or same_person(known, told)
end

-- The record to write, or nil if there is no news in it.
local function forward(new, old)
  local mark, was = string.byte(new), string.byte(old) or 0
  if RANK[mark] <= RANK[was] then
    stale = stale + 1
    return nil
  end
  local record = combined(new, old)
  if COUNTED[was] then
    local from, to = NAME[was], NAME[mark]
    counted = counted + 1
    moves[from] = (moves[from] or 0) - 1
    moves[to] = (moves[to] or 0) + 1
    if from == UNDELIVERED then note_undelivered(old, -1) end
    if to == UNDELIVERED then note_undelivered(new, 1) end
    return record
  end
  early = early + 1
  if was == 0 or not is_early(was) then first_news = first_news + 1 end
  return with_mark(mark - 32, record)
end

-- A thousand messages share one string, and news often comes about neighbours: the stretch from the first
-- to the last of them is read once, and written once where much of it has changed. A command a message
-- cost three times as much.
local SCATTERED = 8
local stretches, keys = {}, {}
for at = 0, (#ARGV - HEAD) / 2 - 1 do
  local index, record = tonumber(take()), take()
  if index >= size then
    unknown, refused[#refused + 1] = unknown + 1, at
  elseif all_foreign then
    foreign, refused[#refused + 1] = foreign + 1, at
  else
    local key, place = outcomes .. math.floor(index / per_key), index % per_key
    local of = stretches[key]
    if not of then
      of = { news = {}, first = place, last = place }
      stretches[key], keys[#keys + 1] = of, key
    end
    of.first, of.last = math.min(of.first, place), math.max(of.last, place)
    of.news[#of.news + 1] = { place, record, index, at }
  end
end
local function apply(key, of)
  local width, first, last = #of.news[1][2], of.first, of.last
  local old = call('GETRANGE', key, first * width, (last + 1) * width - 1)
  local function record_of(place)
    return string.sub(old, (place - first) * width + 1, (place - first + 1) * width)
  end
  local changed, n = {}, 0
  for _, one in ipairs(of.news) do
    local place, new, old = one[1], one[2], changed[one[1]] or record_of(one[1])
    local record
    if is_for(new, old, one[3]) then
      record = forward(without_number(new), old)
    else
      foreign, refused[#refused + 1] = foreign + 1, one[4]
    end
    if record then
      if not changed[place] then n = n + 1 end
      changed[place] = record
    end
  end
  if n == 0 then return end
  if n * SCATTERED < last - first + 1 then
    for place, record in pairs(changed) do call('SETRANGE', key, place * width, record) end
    return
  end
  local empty, records = string.rep('\0', width), {}
  for place = first, last do
    local record = changed[place] or record_of(place)
    records[#records + 1] = #record == width and record or empty
  end
  call('SETRANGE', key, first * width, table.concat(records))
end
for _, key in ipairs(keys) do apply(key, stretches[key]) end
for state, n in pairs(moves) do
  if n ~= 0 then call('HINCRBY', counts, state, n) end
end
count_undelivered(codes)
if first_news > 0 then call('HINCRBY', meta, 'early_news', first_news) end
return { counted, early, stale, unknown, foreign, refused }
