-- Adds one chunk of a recipient file to a campaign: assigns indexes and advances the position in the
-- file, atomically. The caller leaves out recipients that are in the lane already: since the position
-- advances with the recipients, a caller that has missed some gets a gap. The position is the operation
-- id: a repeat of the last chunk returns the first result, one of an earlier chunk zeros. For an upload,
-- which cannot be read again, the position does not identify the file: a repeat of the last chunk must
-- have the same sum, too.
-- While a canary holds back the others, they are delayed.
-- KEYS: meta, counts, queue, retry batches, the retry batch of what is held back, the strings of numbers for the thousands from the next index on, then as
--       many hashes of long ids, and of kept values if there are any
-- ARGV: messages a key of them holds; the next index as the caller assumes; thousands; offset the chunk
--       starts at, offset, line and row it ends at, invalid rows and duplicates in it, lines, their numbers
--       (7 bytes each, zeros for a long id), sum of all rows up to its end ('' if the file can be read
--       again), rows of excluded people, number of parts of kept values, then for each: index of its first message, values; then
--       for each long id: position in the chunk, id
-- Returns: {'ok', revision, first index, added, duplicates, next index} or {'repeat', …} or {'gap',
--          offset} or {status}
-- include: job_sections, canary
local meta, counts, queue, retries, held = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local per_key, believed, thousands = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local FIRST_THOUSAND = 6
local from, to, line, row, invalid_rows, duplicates, lines, numbers, sum =
  tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9]),
  ARGV[10], ARGV[11], ARGV[12]
local WIDTH = 7
local call = redis.call

local lane = call('HMGET', meta, 'status', 'loaded', 'offset', 'next', 'last', 'rows_sum', 'canary_state')
if not lane[1] then return { 'gone' } end
if lane[1] == 'cancelling' or lane[1] == 'cancelled' then return { lane[1] } end
local offset = tonumber(lane[3] or 0)
if offset == to and sum ~= '' and sum ~= lane[6] then return { 'gap', offset } end
if offset >= to then
  local last = offset == to and lane[5] and cjson.decode(lane[5]) or { 0, 0, 0, 0 }
  return { 'repeat', last[1], last[2], last[3], last[4], tonumber(lane[4]) }
end
if lane[2] == '1' then return { 'loaded' } end
local first, added = tonumber(lane[4]), #numbers / WIDTH
if offset ~= from or first ~= believed then return { 'gap', offset } end

local function thousand_of(index)
  return FIRST_THOUSAND + math.floor(index / per_key) - math.floor(first / per_key)
end
local done = 0
while done < added do
  local key, place = KEYS[thousand_of(first + done)], (first + done) % per_key
  local n = math.min(per_key - place, added - done)
  local before = place > 0 and call('GET', key) or ''
  call('SET', key, before .. string.sub(numbers, done * WIDTH + 1, (done + n) * WIDTH))
  done = done + n
end
local FIRST_PART, FIRST_ID = 15, 15 + 2 * tonumber(ARGV[14])
for i = FIRST_PART, FIRST_ID - 2, 2 do
  call('HSET', KEYS[thousand_of(tonumber(ARGV[i])) + 2 * thousands], ARGV[i], ARGV[i + 1])
end
for i = FIRST_ID, #ARGV, 2 do
  local index = first + tonumber(ARGV[i])
  call('HSET', KEYS[thousand_of(index) + thousands], index, ARGV[i + 1])
end

local revision = call('HINCRBY', meta, 'revision', 1)
if added > 0 then
  local jobs, is_held = section(added, 0, first, lines), holds_back(lane[7])
  if is_held then
    call('SET', held, jobs)
    call('ZADD', retries, HELD_UNTIL, 'c' .. first)
  else
    call('RPUSH', queue, jobs)
  end
  call('HINCRBY', counts, is_held and 'delayed' or 'queued', added)
end
if invalid_rows > 0 then call('HINCRBY', meta, 'invalid_rows', invalid_rows) end
if duplicates > 0 then call('HINCRBY', meta, 'duplicates', duplicates) end
if ARGV[13] ~= '0' then call('HINCRBY', meta, 'excluded', ARGV[13]) end
call('HSET', meta, 'next', first + added, 'offset', to, 'line', line, 'row', row,
  'rows_sum', sum, 'last', cjson.encode({ revision, first, added, duplicates }))
return { 'ok', revision, first, added, duplicates, first + added }
