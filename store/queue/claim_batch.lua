-- Moves up to n jobs from the front of a lane's queue into a batch with a lease. The batch id is the
-- operation id: a repeat returns the same jobs.
-- KEYS: meta, counts, queue, batches, batch
-- ARGV: batch id, owner, most jobs, most bytes, lease in ms, status the lane must be in,
--       1 to claim at any rate, messages/s of a campaign that is spread over the tier
-- Returns: {status, revision, now in ms, number of jobs, queue elements left, jobs,
--           messages of the lane with an early status update, ms until the lane's own rate allows the
--           next batch, weight of the lane, messages/s of the lane (-1 = spread over the tier)}
-- include: clock, job_sections
local meta, counts, queue, claimed_batches, claimed_batch = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local batch, owner, most, most_bytes, lease, wanted =
  ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local now = now_ms()

local before = redis.call('HMGET', claimed_batch, 'jobs', 'n')
local lane = redis.call('HMGET', meta, 'status', 'revision', 'early_updates', 'rate', 'weight', 'turn',
  'finish_by')
local early, weight, rate = tonumber(lane[3] or 0), tonumber(lane[5] or 1), tonumber(lane[4] or 0)
local told = tostring(rate)
if before[1] then
  return { wanted, tonumber(lane[2]), now, tonumber(before[2]), redis.call('LLEN', queue), before[1],
    early, 0, weight, told }
end
if lane[1] ~= wanted then return { lane[1] or 'gone', tonumber(lane[2] or 0), now, 0, 0, '', 0, 0, weight, told } end

-- A time by which it is to be finished: what is left, in 95 % of the time that is left.
local left = (tonumber(lane[7] or 0) - now) / 1000
if left > 0 then
  local open = redis.call('HMGET', counts, 'queued', 'delayed')
  rate = math.max((tonumber(open[1] or 0) + tonumber(open[2] or 0)) / (left * 0.95), 0.001)
  told = tostring(rate)
end

if rate < 0 then rate = tonumber(ARGV[8] or 0) end

-- The lane's own rate: GCRA with a burst of half a second's worth, which is claimed at once. A turn that a
-- slower rate has put further off than this rate ever does is forgotten.
local gap, turn, wait = 0, 0, 0
if rate > 0 and wanted == 'sending' and ARGV[7] ~= '1' then
  gap = 1000 / rate
  local size = math.max(1, math.floor(rate / 2))
  most = math.min(most, size)
  turn = math.max(now, tonumber(lane[6] or 0))
  local furthest = now + math.max(size * gap, 500)
  if turn > furthest then
    turn = furthest
    redis.call('HSET', meta, 'turn', turn)
  end
  wait = math.ceil(turn + (most - size) * gap - now)
  if wait > 0 then return { wanted, tonumber(lane[2]), now, 0, 1, '', 0, wait, weight, told } end
end

-- Number of lines of a section that fit, and the end of the last of them. The first job of a batch fits
-- whatever its size.
local taken, size = 0, 0
local function fitting(blob, start, bytes, n)
  local room, space = math.min(n, most - taken), most_bytes - size
  if n <= room and bytes <= space then return n, start + bytes end
  local k, stop = 0, start - 1
  while k < room do
    local ends = string.find(blob, '\n', stop + 1, true)
    if ends - start > space and taken + k > 0 then break end
    k, stop = k + 1, ends
  end
  return k, stop
end

local parts, full = {}, false
while not full do
  local blob = redis.call('LPOP', queue)
  if not blob then break end
  local position = 1
  while position <= #blob and not full do
    local n, attempts, base, bytes, start, deaths = section_at(blob, position)
    local k, stop = 0, start
    if deaths == 0 or taken == 0 then k, stop = fitting(blob, start, bytes, n) end
    if k == n then
      parts[#parts + 1] = string.sub(blob, position, stop)
      position = stop + 1
    elseif k > 0 then
      local head, rest = cut(blob, start, n, attempts, base, bytes, k, deaths)
      parts[#parts + 1] = head
      blob, position = rest .. string.sub(blob, start + bytes + 1), 1
    end
    taken, size = taken + k, size + stop - start
    full = k < n or taken == most or deaths > 0
  end
  if position <= #blob then redis.call('LPUSH', queue, string.sub(blob, position)) end
end
if taken == 0 then return { wanted, tonumber(lane[2]), now, 0, 0, '', 0, 0, weight, told } end

local jobs = table.concat(parts)
redis.call('HSET', claimed_batch, 'jobs', jobs, 'n', taken, 'owner', owner, 'phase', 'claimed', 'tries', 0)
redis.call('ZADD', claimed_batches, now + lease, batch)
redis.call('HINCRBY', counts, 'queued', -taken)
redis.call('HINCRBY', counts, 'in_flight', taken)
local revision = redis.call('HINCRBY', meta, 'revision', 1)
if gap > 0 then
  redis.call('HSET', meta, 'turn', turn + taken * gap)
  wait = math.ceil(turn + taken * gap - now)
end
if wanted == 'sending' then redis.call('HSETNX', meta, 'started_at', now) end
return { wanted, revision, now, taken, redis.call('LLEN', queue), jobs, early,
  wait, weight, told }
