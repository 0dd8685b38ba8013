-- Adds whole messages to a notification lane. A message with an idempotency key goes in once: the
-- same key with the same body answers the first id, with another body it is a conflict.
-- Keys are kept by day in the lane's family and looked up for today and yesterday, so they hold for
-- at least 24 hours, over midnight and over priorities. A bucket of a day expires two days after its
-- first key, which is not before that day and the next are over.
-- A message that is not to go out at once lies in a wave; those of one second and one stretch of
-- indexes share it.
-- KEYS: meta, counts, queue, waves
-- ARGV: seen prefix, lane id, prefix of waves, indexes to a stretch, messages (one a line), their heads
--       (16 bytes of the idempotency key's digest, 8 bytes of the body's; zeros where there is no key),
--       then of those that wait: place among the messages, from 1, and ms
-- Returns: {'ok', journal, first new index, place, answer, place, answer …} for those that are not new:
-- 'd<id>' (done before) or 'c<id>' (conflict); the others have the following indexes in their order.
-- Or {status} when the lane takes no more
-- include: clock, sections
local meta, counts, queue, waves = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local seen, lane_id, wave_prefix, stretch = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local messages, heads = ARGV[5], ARGV[6]
local KEY, HEAD = 16, 24
local NO_KEY = string.rep('\0', HEAD)
local KEPT_SECONDS = 2 * 86400

local lane = redis.call('HMGET', meta, 'status', 'next', 'rolling')
if not lane[1] then return { 'gone' } end
if lane[3] ~= '1' then return { 'closed' } end
local now = now_ms()
local day = math.floor(now / 86400000)
local today, yesterday = seen .. day .. ':', seen .. (day - 1) .. ':'
local first = tonumber(lane[2])
local index, answers = first, { 'ok', 0, first }
local due = {} -- place of a message → second at which it may go
for i = 7, #ARGV, 2 do
  due[tonumber(ARGV[i])] = math.ceil((now + tonumber(ARGV[i + 1])) / 1000)
end

local at_once, later = { indexes = {}, lines = {} }, {}
local function group_of(place)
  local second = due[place]
  if not second then return at_once end
  local wave = second .. '-' .. math.floor(index / stretch)
  later[wave] = later[wave] or { second = second, indexes = {}, lines = {} }
  return later[wave]
end
-- Jobs as a section; where the indexes follow each other only the first one is written.
local function packed(jobs)
  local indexes, lines, n = jobs.indexes, jobs.lines, #jobs.lines
  local base = indexes[1]
  if indexes[n] - base ~= n - 1 then
    base = 'x'
    for i = 1, n do lines[i] = indexes[i] .. '\t' .. lines[i] end
  end
  return section(n, 0, base, table.concat(lines, '\n'))
end
-- What is known of a key; if nothing is, it belongs to this message from now on.
local function known(key, body)
  local bucket = string.format('%02x%x', string.byte(key, 1), math.floor(string.byte(key, 2) / 16))
  local before = redis.call('HGET', today .. bucket, key) or redis.call('HGET', yesterday .. bucket, key)
  if before then return before end
  redis.call('HSET', today .. bucket, key, body .. lane_id .. '.' .. index)
  if redis.call('HLEN', today .. bucket) == 1 then
    redis.call('EXPIRE', today .. bucket, KEPT_SECONDS)
  end
end

local place = 0
for line in string.gmatch(messages, '[^\n]+') do
  local head = string.sub(heads, place * HEAD + 1, (place + 1) * HEAD)
  local body = string.sub(head, KEY + 1)
  place = place + 1
  local before = head ~= NO_KEY and known(string.sub(head, 1, KEY), body)
  if before then
    local same = string.sub(before, 1, #body) == body
    answers[#answers + 1] = place
    answers[#answers + 1] = (same and 'd' or 'c') .. string.sub(before, #body + 1)
  else
    local jobs = group_of(place)
    jobs.indexes[#jobs.indexes + 1], jobs.lines[#jobs.lines + 1] = index, line
    index = index + 1
  end
end

local queued, delayed = #at_once.lines, index - first - #at_once.lines
answers[2] = redis.call('HINCRBY', meta, 'journal', index > first and 1 or 0)
if queued > 0 then
  redis.call('RPUSH', queue, packed(at_once))
  redis.call('HINCRBY', counts, 'queued', queued)
end
for wave, jobs in pairs(later) do
  redis.call('APPEND', wave_prefix .. wave, packed(jobs))
  redis.call('ZADD', waves, jobs.second * 1000, wave)
end
if delayed > 0 then redis.call('HINCRBY', counts, 'delayed', delayed) end
if index > first then redis.call('HSET', meta, 'next', index) end
return answers
