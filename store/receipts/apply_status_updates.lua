-- Applies status updates from receipts, or from answers that came too late to settle. A state only moves
-- forward along its rank, so updates may come late, twice and in any order. While the job still exists
-- an update is stored with a capital mark, and the job is not sent again. An update of another
-- sub-account, or about another person than the message's, is refused.
-- KEYS: meta, counts, codes, stats, outbox, then for each string of records: the string, the string of the
--       numbers of a campaign
-- ARGV: messages a string holds, sub-account or '', 1 to count signals, then for each string of records:
--       which one it is, and its updates: two bytes of the position here, from 0, two of the place in the
--       string, the record; its number is the update's, 0 = none
-- Returns: {counted now, stored for a job that still exists, nothing new, no such message, foreign, list
--          of the positions, from 0, that were refused for one of the last two causes, sub-account of the
--          lane or '', signals: a key (store/lua/signals.lua), their number ..., progress (store/lua/progress.lua)}
-- include: records, changes, signals, progress
local meta, counts, codes, stats = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local per_key, sub_account, with_signals = tonumber(ARGV[1]), ARGV[2], ARGV[3] == '1'
local PIECE = 4 + WIDTH
local call = redis.call

local next_index, whose, wanted = unpack(call('HMGET', meta, 'next', 'sub_account', 'outcomes'))
local size = tonumber(next_index or 0)
local counted, early, stale, unknown, foreign = 0, 0, 0, 0, 0
local all_foreign = sub_account ~= '' and string.lower(sub_account) ~= string.lower(whose or '')
local refused = {}
local moves, first_news = {}, 0

-- True when the update is about the message's person, as far as both have a number.
local function is_for(new, old, place, numbers)
  local told = number_in(new)
  if told == NO_NUMBER then return true end
  local known = number_in(old)
  if known == NO_NUMBER or known == '' then known = call('GETRANGE', numbers, place * 7, place * 7 + 6) end
  return known == '' or known == NO_NUMBER or same_person(known, told)
end

-- The record to write, or nil if nothing is new. Pricing may come later than an update of a higher rank.
local function forward(new, old)
  local mark, was = string.byte(new), string.byte(old) or 0
  if RANK[mark] <= RANK[was] then
    stale = stale + 1
    local pricing_is_news = string.byte(new, 14) >= 16 and string.byte(old, 14) < 16
    return pricing_is_news and combined(old, new, old) or nil
  end
  if with_signals then note_signal(new, old, mark, was) end
  note_progress(new, RANK[mark], RANK[was], COUNTED[was])
  local record = combined(new, old, has_one_doubt(old) and new or old)
  if COUNTED[was] then
    local from, to = NAME[was], NAME[mark]
    counted = counted + 1
    moves[from] = (moves[from] or 0) - 1
    moves[to] = (moves[to] or 0) + 1
    note(old, -1)
    note(record, 1)
    return record
  end
  early = early + 1
  if was == 0 or not is_early(was) then first_news = first_news + 1 end
  return with_mark(mark - 32, record)
end

-- A thousand messages share one string, and updates are often about neighbours: the range from the first
-- to the last of them is read once, and written once if much of it has changed. A command per message
-- cost three times as much.
local SCATTERED = 8
local function apply(thousand, pieces, key, numbers)
  local news, first, last = {}, per_key, 0
  for start = 1, #pieces, PIECE do
    local a, b, c, d = string.byte(pieces, start, start + 3)
    local at, place = a * 256 + b, c * 256 + d
    if thousand * per_key + place >= size then
      unknown, refused[#refused + 1] = unknown + 1, at
    elseif all_foreign then
      foreign, refused[#refused + 1] = foreign + 1, at
    else
      first, last = math.min(first, place), math.max(last, place)
      news[#news + 1] = { place, string.sub(pieces, start + 4, start + PIECE - 1), at }
    end
  end
  if #news == 0 then return end
  local old = call('GETRANGE', key, first * WIDTH, (last + 1) * WIDTH - 1)
  local function record_of(place)
    return string.sub(old, (place - first) * WIDTH + 1, (place - first + 1) * WIDTH)
  end
  local changed, n = {}, 0
  for _, one in ipairs(news) do
    local place, new, old = one[1], one[2], changed[one[1]] or record_of(one[1])
    local record
    if is_for(new, old, place, numbers) then
      record = forward(without_number(new), old)
    else
      foreign, refused[#refused + 1] = foreign + 1, one[3]
    end
    if record then
      if not changed[place] then n = n + 1 end
      if wanted and string.byte(record) ~= string.byte(old) then note_records(thousand * per_key + place, record) end
      changed[place] = record
    end
  end
  if n == 0 then return end
  if n * SCATTERED < last - first + 1 then
    for place, record in pairs(changed) do call('SETRANGE', key, place * WIDTH, record) end
    return
  end
  local empty, records = string.rep('\0', WIDTH), {}
  for place = first, last do
    local record = changed[place] or record_of(place)
    records[#records + 1] = #record == WIDTH and record or empty
  end
  call('SETRANGE', key, first * WIDTH, table.concat(records))
end
for i = 4, #ARGV, 2 do apply(tonumber(ARGV[i]), ARGV[i + 1], KEYS[i + 2], KEYS[i + 3]) end
for state, n in pairs(moves) do
  if n ~= 0 then call('HINCRBY', counts, state, n) end
end
write_noted(codes, stats)
if wanted then write_changes(KEYS[5]) end
if first_news > 0 then call('HINCRBY', meta, 'early_updates', first_news) end
return { counted, early, stale, unknown, foreign, refused, whose or '', signals_noted(), progress_noted() }
