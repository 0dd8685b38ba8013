-- Writes what a receipt, or an answer that came too late to settle, proves about messages. A state only
-- moves forward along its rank, so news may come late, twice and in any order. Where the job still exists
-- the news is kept with a capital mark, and the job will not go out again.
-- KEYS: meta, counts
-- ARGV: prefix of outcomes, messages a string holds, then for each message: index, record
-- Returns: {counted now, kept for a job that still exists, no news, no such message}
-- include: reader, records
local meta, counts = KEYS[1], KEYS[2]
local outcomes, per_key = ARGV[1], tonumber(ARGV[2])
local call = redis.call

local size = tonumber(call('HGET', meta, 'next') or 0)
local counted, early, stale, unknown = 0, 0, 0, 0
local moves, first_news = {}, 0
local take = reader(ARGV, 3)

-- The record to write, or nil if there is no news in it.
local function forward(new, old)
  local mark, was = string.byte(new), string.byte(old) or 0
  if RANK[mark] <= RANK[was] then
    stale = stale + 1
    return nil
  end
  local record = combined(new, old)
  if COUNTED[was] then
    counted = counted + 1
    moves[NAME[was]] = (moves[NAME[was]] or 0) - 1
    moves[NAME[mark]] = (moves[NAME[mark]] or 0) + 1
    return record
  end
  early = early + 1
  if was == 0 or not is_early(was) then first_news = first_news + 1 end
  return with_mark(mark - 32, record)
end
for _ = 1, (#ARGV - 2) / 2 do
  local index, record = tonumber(take()), take()
  if index >= size then
    unknown = unknown + 1
  else
    local key, offset = outcomes .. math.floor(index / per_key), (index % per_key) * #record
    local news = forward(record, call('GETRANGE', key, offset, offset + #record - 1))
    if news then call('SETRANGE', key, offset, news) end
  end
end
for state, n in pairs(moves) do
  if n ~= 0 then call('HINCRBY', counts, state, n) end
end
if first_news > 0 then call('HINCRBY', meta, 'early_news', first_news) end
return { counted, early, stale, unknown }
