-- Adds whole messages to a notification lane. A message with an idempotency key goes in once: the
-- same key with the same body answers the first id, with another body it is a conflict.
-- Keys are kept by day in the lane's family and looked up for today and yesterday, so they hold for
-- at least 24 hours, over midnight and over priorities.
-- KEYS: meta, counts, queue
-- ARGV: seen prefix, lane id, then for each message: bucket, key digest ('' for none), body digest, line
-- Returns: {'ok', journal, answer, answer …}, an answer being 'n<id>' (new), 'd<id>' (done before) or
-- 'c<id>' (conflict); or {status} when the lane takes no more
-- include: clock, sections, reader
local meta, counts, queue = KEYS[1], KEYS[2], KEYS[3]
local seen, lane_id = ARGV[1], ARGV[2]
local KEPT_SECONDS = 2 * 86400

local lane = redis.call('HMGET', meta, 'status', 'next', 'rolling')
if not lane[1] then return { 'gone' } end
if lane[3] ~= '1' then return { 'closed' } end
local day = math.floor(now_ms() / 86400000)
local today, yesterday = seen .. day .. ':', seen .. (day - 1) .. ':'
local first = tonumber(lane[2])
local index, lines, answers = first, {}, { 'ok', 0 }
local take = reader(ARGV, 3)
for _ = 1, (#ARGV - 2) / 4 do
  local bucket, key, body, line = take(), take(), take(), take()
  local before = key ~= '' and
    (redis.call('HGET', today .. bucket, key) or redis.call('HGET', yesterday .. bucket, key))
  if before then
    local same = string.sub(before, 1, #body) == body
    answers[#answers + 1] = (same and 'd' or 'c') .. string.sub(before, #body + 1)
  else
    local id = lane_id .. '.' .. index
    if key ~= '' then
      redis.call('HSET', today .. bucket, key, body .. id)
      redis.call('EXPIRE', today .. bucket, KEPT_SECONDS)
    end
    lines[#lines + 1] = line
    answers[#answers + 1] = 'n' .. id
    index = index + 1
  end
end
answers[2] = redis.call('HINCRBY', meta, 'journal', #lines > 0 and 1 or 0)
if #lines > 0 then
  redis.call('RPUSH', queue, section(#lines, 0, first, table.concat(lines, '\n')))
  redis.call('HINCRBY', counts, 'queued', #lines)
  redis.call('HSET', meta, 'next', index)
end
return answers
