-- Adds whole messages to a notification lane. A message with an idempotency key is added once: the same
-- key with the same body returns the first id, with another body it is a conflict. Keys are kept by day
-- in the lane's family and looked up for today and yesterday, so they hold for at least 24 hours, across
-- midnight and priorities. A bucket of a day expires two days after its first key, which is not before
-- that day and the next are over. A scheduled message is put into a retry batch, shared by those of one
-- second and one stretch of indexes. Day and stretch are the caller's assumptions: if they are wrong,
-- and so are its keys, nothing is done and the right ones are returned. Tags are numbered from 1, as they
-- come; a string has the number of each message's tag in a byte. A message whose tag finds no number left
-- is not stored.
-- KEYS: meta, counts, queue, retry batches, then for each bucket: today's, yesterday's; then for each
--       second: the retry batches of the stretches from the assumed one; if there are tags: the numbers
--       of the tags, those of the messages
-- ARGV: lane id, day (since 1970), buckets, stretch, indexes to a stretch, stretches to a second,
--       messages (one a line), their heads (16 bytes of the idempotency key's digest, 8 bytes of the
--       body's, 2 bytes: which of the buckets, from 1; zeros where there is no key), their tags (a line
--       each; '' where none has one), most tags of a lane, then for each scheduled one: position among
--       the messages, from 1, due time in ms since 1970, which of the seconds, from 0
-- Returns: {'ok', revision, first new index, position, answer, position, answer …} for those that are
--          not new: 'd<id>' (done before), 'c<id>' (conflict), 't' (no room for its tag); the others
--          have the following indexes in their order. Or {'again', day, next index}, or {status} when the
--          lane is closed
-- include: clock, job_sections
local meta, counts, queue, retries = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local lane_id, day, buckets = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local believed, stretch, stretches = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local messages, heads = ARGV[7], ARGV[8]
local tag_lines, most_tags = ARGV[9], tonumber(ARGV[10])
local FIRST_BUCKET, FIRST_DELAYED = 5, 11
local KEY, HEAD = 16, 26
local NO_KEY = string.rep('\0', HEAD)
local KEPT_SECONDS = 2 * 86400

local lane = redis.call('HMGET', meta, 'status', 'next', 'rolling')
if not lane[1] then return { 'gone' } end
if lane[3] ~= '1' then return { 'closed' } end
local now = now_ms()
local today, first = math.floor(now / 86400000), tonumber(lane[2])
if buckets > 0 and day ~= today or #ARGV >= FIRST_DELAYED and math.floor(first / stretch) ~= believed then
  return { 'again', today, first }
end
local index, answers = first, { 'ok', 0, first }
local due = {} -- position of a message → due second, and the first of its retry batches
for i = FIRST_DELAYED, #ARGV, 3 do
  local at, place = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  if at > now then
    local retries_at = FIRST_BUCKET + 2 * buckets + place * stretches
    due[tonumber(ARGV[i])] = { second = math.ceil(at / 1000), first = retries_at }
  end
end

local at_once, later = { indexes = {}, lines = {} }, {}
local function group_of(place)
  local time = due[place]
  if not time then return at_once end
  local of = math.floor(index / stretch)
  local retry = time.second .. '-' .. of
  later[retry] = later[retry]
    or { second = time.second, key = KEYS[time.first + of - believed], indexes = {}, lines = {} }
  return later[retry]
end
-- Jobs as a section; of consecutive indexes only the first one is written.
local function packed(jobs)
  local indexes, lines, n = jobs.indexes, jobs.lines, #jobs.lines
  local base = indexes[1]
  if indexes[n] - base ~= n - 1 then
    base = 'x'
    for i = 1, n do lines[i] = indexes[i] .. '\t' .. lines[i] end
  end
  return section(n, 0, base, table.concat(lines, '\n'))
end
local tags, tagged = KEYS[#KEYS - 1], KEYS[#KEYS] -- if there are any
local tag_of, number_of, marks = {}, { [''] = 0 }, {}
-- The number of a tag, a new one for an unknown tag; nil if there are as many as there may be.
local function number_in_lane(tag)
  local n = tonumber(redis.call('HGET', tags, tag) or '')
  if n then return n end
  n = redis.call('HLEN', tags) + 1
  if n > most_tags then return nil end
  redis.call('HSET', tags, tag, n)
  return n
end
for tag in string.gmatch(tag_lines, '([^\n]*)\n') do tag_of[#tag_of + 1] = tag end

local place = 0
for line in string.gmatch(messages, '[^\n]+') do
  local head = string.sub(heads, place * HEAD + 1, (place + 1) * HEAD)
  local key, body, before, bucket = nil, string.sub(head, KEY + 1, -3), nil, nil
  place = place + 1
  if head ~= NO_KEY then
    local high, low = string.byte(head, HEAD - 1, HEAD)
    key, bucket = string.sub(head, 1, KEY), FIRST_BUCKET + 2 * (high * 256 + low - 1)
    before = redis.call('HGET', KEYS[bucket], key) or redis.call('HGET', KEYS[bucket + 1], key)
  end
  local tag = tag_of[place]
  if tag and not before then
    number_of[tag] = number_of[tag] or number_in_lane(tag)
  end
  if before then
    local same = string.sub(before, 1, #body) == body
    answers[#answers + 1] = place
    answers[#answers + 1] = (same and 'd' or 'c') .. string.sub(before, #body + 1)
  elseif tag and not number_of[tag] then
    answers[#answers + 1] = place
    answers[#answers + 1] = 't'
  else
    if key then
      redis.call('HSET', KEYS[bucket], key, body .. lane_id .. '.' .. index)
      if redis.call('HLEN', KEYS[bucket]) == 1 then redis.call('EXPIRE', KEYS[bucket], KEPT_SECONDS) end
    end
    if tag then marks[#marks + 1] = string.char(number_of[tag]) end
    local jobs = group_of(place)
    jobs.indexes[#jobs.indexes + 1], jobs.lines[#jobs.lines + 1] = index, line
    index = index + 1
  end
end

local queued, delayed = #at_once.lines, index - first - #at_once.lines
answers[2] = redis.call('HINCRBY', meta, 'revision', index > first and 1 or 0)
if queued > 0 then
  redis.call('RPUSH', queue, packed(at_once))
  redis.call('HINCRBY', counts, 'queued', queued)
end
for retry, jobs in pairs(later) do
  redis.call('APPEND', jobs.key, packed(jobs))
  redis.call('ZADD', retries, jobs.second * 1000, retry)
end
if delayed > 0 then redis.call('HINCRBY', counts, 'delayed', delayed) end
if index > first then redis.call('HSET', meta, 'next', index) end
if #marks > 0 then redis.call('SETRANGE', tagged, first, table.concat(marks)) end
return answers
