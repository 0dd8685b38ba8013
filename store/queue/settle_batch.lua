-- Ends a batch or an in-doubt batch: writes the record of every message, moves the counts, requeues
-- unfinished jobs, delays them or puts them in doubt, and deletes the batch. Atomic; a repeat returns
-- the first result, another settlement of the same batch gets 'lost'. A record is never replaced by one
-- of a lower rank: an earlier status update stays.
-- KEYS: meta, counts, codes, stats, queue, retry batches, batches, in doubt, dead letters, source, done,
--       outbox (source: the batch or the in-doubt batch that ends), then those of the lists below, in their
--       order: a string of records, a retry batch and the in-doubt batch that it becomes if the batch is
--       held, an in-doubt batch, an attempt log, a hash of long ids
-- ARGV: id, owner ('' = an in-doubt batch), state of the messages, their number, digest of what follows
--       (the operation id), reason to stop the lane ('' = none); 1 to refuse requeuing jobs of a held
--       in-doubt batch; then lists, each led by its length: counts (state, n), records (offset, blob),
--       jobs back to the queue (blob), retry batches (id, delay in ms, blob), in-doubt batches (id,
--       delay in ms, n, code, blob), dead letters (blob), codes (name, n), stats (name, n), attempt logs
--       (entry), long ids (index, id). A retry batch `q<cause><due s>-<revision of the rules>-<n>`
--       waits since its people may not get it yet: it was not posted, and is added to those of this id
-- Returns: {'ok' or 'repeat' or 'lost' or 'held', revision, status of the lane}
-- include: clock, finish_lane, argv_reader, records, job_sections, hold_retry_batch, pace, changes
local meta, counts, codes, stats, queue, retries, claimed_batches, in_doubt, dead, source, done =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local id, owner, from, n, digest, stop =
  ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local unless_held = ARGV[7] == '1'
local DONE_MS = 600000
local now, call = now_ms(), redis.call

local is = call('HMGET', source, 'owner', 'n', 'held')
if not is[2] or (owner ~= '' and is[1] ~= owner) then
  local first = cjson.decode(call('GET', done) or '[]')
  if first[3] == digest then return { 'repeat', first[1], first[2] } end
  return { 'lost', 0, call('HGET', meta, 'status') or 'gone' }
end

local take, take_key = reader(ARGV, 8), reader(KEYS, 13)
local function list() return tonumber(take()) end
local moves, sum, least = {}, 0, 0
for _ = 1, list() do
  local state, k = take(), tonumber(take())
  moves[state] = (moves[state] or 0) + k
  sum, least = sum + k, math.min(least, k)
end
if sum ~= n or n ~= tonumber(is[2]) or least < 0 then
  return redis.error_reply('REFUSED the figures (' .. sum .. ', ' .. n .. ') do not add up to ' .. is[2])
end

if is[3] and unless_held and (moves.queued or 0) > 0 then
  return { 'held', 0, call('HGET', meta, 'status') or 'gone' }
end

-- Records that meet existing ones: the one that stays decides the count.
local known_now, written = 0, {}
local function merge(key, offset, blob, old)
  local records = {}
  for at = 1, #blob, WIDTH do
    local to = at + WIDTH - 1
    local record, was_early = settled(string.sub(blob, at, to), string.sub(old, at, to), moves)
    records[#records + 1] = record
    if was_early then known_now = known_now + 1 end
  end
  local blob = table.concat(records)
  call('SETRANGE', key, offset, blob)
  return blob
end
for _ = 1, list() do
  local key, offset, blob = take_key(), tonumber(take()), take()
  local old = call('GETRANGE', key, offset, offset + #blob - 1)
  if string.find(old, '[^%z]') then
    blob = merge(key, offset, blob, old)
  else
    call('SETRANGE', key, offset, blob)
  end
  written[#written + 1] = { key, offset, blob }
end
for _ = 1, list() do call('LPUSH', queue, take()) end
for _ = 1, list() do
  local key, in_doubt_batch, retry, delay, blob = take_key(), take_key(), take(), tonumber(take()), take()
  local opens, hours = string.match(retry, '^q%a?(%d+)%-(%d+)%-')
  if opens then
    call('APPEND', key, blob)
    call('ZADD', retries, opens * 1000, retry)
    local before = call('HGET', meta, 'hours_revision') or hours
    call('HSET', meta, 'hours_revision', before == hours and hours or 'mixed')
  elseif is[3] then
    local k = doubt_retries(in_doubt_batch, in_doubt, retry, blob, now)
    moves.delayed, moves.in_doubt = moves.delayed - k, (moves.in_doubt or 0) + k
  else
    call('SET', key, blob)
    call('ZADD', retries, now + delay, retry)
  end
end
for _ = 1, list() do
  local key, in_doubt_batch, delay, k, code, blob = take_key(), take(), tonumber(take()), take(), take(), take()
  call('HSET', key, 'jobs', blob, 'n', k, 'tries', 0, 'owner', '', 'code', code)
  if is[3] then call('HSET', key, 'held', is[3]) end
  call('ZADD', in_doubt, now + delay, in_doubt_batch)
end
for _ = 1, list() do call('RPUSH', dead, take()) end
for _ = 1, list() do call('HINCRBY', codes, take(), take()) end
for _ = 1, list() do call('HINCRBY', stats, take(), take()) end
write_noted(codes, stats)
local ended = n - (moves.queued or 0) - (moves.delayed or 0) - (moves.in_doubt or 0)
if ended > 0 then note_pace(stats, ended, now) end
for _ = 1, list() do call('RPUSH', take_key(), take()) end
for _ = 1, list() do call('HSET', take_key(), take(), take()) end

call('HINCRBY', counts, from, -n)
for state, k in pairs(moves) do if k ~= 0 then call('HINCRBY', counts, state, k) end end
if known_now > 0 then call('HINCRBY', meta, 'early_updates', -known_now) end
call('DEL', source)
call('ZREM', from == 'in_doubt' and in_doubt or claimed_batches, id)
if stop ~= '' and call('HGET', meta, 'status') == 'sending' then
  call('HSET', meta, 'status', 'stopped', 'reason', stop)
end
local revision = call('HINCRBY', meta, 'revision', 1)
local status, wanted = finish_if_done(meta, counts)
if wanted then
  for _, one in ipairs(written) do
    note_records(string.match(one[1], '%d+$') * PER_KEY + one[2] / WIDTH, one[3])
  end
  write_changes(KEYS[12])
end
call('SET', done, cjson.encode({ revision, status, digest }), 'PX', DONE_MS)
return { 'ok', revision, status }
