-- Writes what a receipt, or an answer that came too late to settle, proves about messages. A state only
-- moves forward along its rank, so news may come late, twice and in any order. Where the job still exists
-- the news is kept with a capital mark, and the job will not go out again.
-- KEYS: meta, counts, codes, stats, then the strings of records, in the order in which the messages come to them
-- ARGV: messages a string holds, then for each message: index, record
-- Returns: {counted now, kept for a job that still exists, no news, no such message}
-- include: reader, records
local meta, counts, codes, stats = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local per_key = tonumber(ARGV[1])
local call = redis.call

local size = tonumber(call('HGET', meta, 'next') or 0)
local counted, early, stale, unknown = 0, 0, 0, 0
local moves, first_news = {}, 0
local take, take_key = reader(ARGV, 2), reader(KEYS, 5)

-- The record to write, or nil if there is no news in it. What a message was charged as may come later than
-- news of a higher rank.
local function forward(new, old)
  local mark, was = string.byte(new), string.byte(old) or 0
  if RANK[mark] <= RANK[was] then
    stale = stale + 1
    local pricing_is_news = string.byte(new, 14) >= 16 and string.byte(old, 14) < 16
    return pricing_is_news and combined(old, new, old) or nil
  end
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

-- A thousand messages share one string, and news often comes about neighbours: the stretch from the first
-- to the last of them is read once, and written once where much of it has changed. A command a message
-- cost three times as much.
local SCATTERED = 8
local stretches, in_order = {}, {}
for _ = 1, (#ARGV - 1) / 2 do
  local index, record = tonumber(take()), take()
  local thousand, place = math.floor(index / per_key), index % per_key
  local of = stretches[thousand]
  if not of then
    of = { key = take_key(), news = {}, first = place, last = place }
    stretches[thousand], in_order[#in_order + 1] = of, of
  end
  if index >= size then
    unknown = unknown + 1
  else
    of.first, of.last = math.min(of.first, place), math.max(of.last, place)
    of.news[#of.news + 1] = { place, record }
  end
end
local function apply(of)
  if #of.news == 0 then return end
  local key, first, last = of.key, of.first, of.last
  local old = call('GETRANGE', key, first * WIDTH, (last + 1) * WIDTH - 1)
  local function record_of(place)
    return string.sub(old, (place - first) * WIDTH + 1, (place - first + 1) * WIDTH)
  end
  local changed, n = {}, 0
  for _, one in ipairs(of.news) do
    local place = one[1]
    local record = forward(one[2], changed[place] or record_of(place))
    if record then
      if not changed[place] then n = n + 1 end
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
for _, of in ipairs(in_order) do apply(of) end
for state, n in pairs(moves) do
  if n ~= 0 then call('HINCRBY', counts, state, n) end
end
write_noted(codes, stats)
if first_news > 0 then call('HINCRBY', meta, 'early_news', first_news) end
return { counted, early, stale, unknown }
