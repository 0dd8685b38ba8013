-- Recovers batches whose lease has run out. A batch marked for posting becomes in doubt. One that was
-- only claimed returns to the queue in halves, since one of its jobs may crash workers: each half is
-- claimed alone, until a single job that keeps crashing workers is set aside as in doubt.
-- KEYS: meta, counts, queue, batches, in doubt, then for each batch: the batch, the in-doubt batch that
--       it becomes, the in-doubt batch of a job set aside
-- ARGV: ms to wait for status updates, deaths of a single job, time in ms by which the leases must have
--       run out, from note_sweep (empty = now), then the ids of the batches
-- Returns: {messages back in the queue, messages in doubt, jobs set aside}
-- include: clock, job_sections
local meta, counts, queue, claimed_batches, in_doubt = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local settle_after, most_deaths = tonumber(ARGV[1]), tonumber(ARGV[2])
local as_of = math.min(now_ms(), tonumber(ARGV[3]) or math.huge)
local FIRST = 4

local back, doubtful, aside = 0, 0, 0
local function set_aside(in_doubt_batch, id, blob)
  redis.call('HSET', in_doubt_batch, 'jobs', blob, 'n', 1, 'tries', 0, 'owner', '', 'poison', 1)
  redis.call('ZADD', in_doubt, as_of, id)
  aside = aside + 1
end
-- At most one job of a batch is set aside: several go alone and come back.
local function halve(id, blob, in_doubt_batch)
  local pieces, position, found = {}, 1, false
  while position <= #blob do
    local n, attempts, base, bytes, start, deaths = section_at(blob, position)
    local lines = string.sub(blob, start, start + bytes - 1)
    if n > 1 then
      local first, second = cut(blob, start, n, attempts, base, bytes, math.floor(n / 2), 1)
      pieces[#pieces + 1], pieces[#pieces + 2] = first, second
    elseif found or math.max(deaths, 1) < most_deaths then
      pieces[#pieces + 1] = section(1, attempts, base, lines, math.max(deaths, 1) + 1)
    else
      set_aside(in_doubt_batch, id .. 'k', section(1, attempts, base, lines))
      found = true
    end
    position = start + bytes + 1
  end
  for i = #pieces, 1, -1 do redis.call('LPUSH', queue, pieces[i]) end
end
local function recover(batch, claimed_batch, in_doubt_batch, park_aside)
  if tonumber(redis.call('ZSCORE', claimed_batches, batch) or math.huge) > as_of then return end
  local is = redis.call('HMGET', claimed_batch, 'phase', 'n', 'jobs')
  if is[1] == 'claimed' then
    back = back + tonumber(is[2])
    halve(batch, is[3], park_aside)
    redis.call('DEL', claimed_batch)
  elseif is[1] then
    redis.call('HSET', claimed_batch, 'owner', '')
    redis.call('RENAME', claimed_batch, in_doubt_batch)
    redis.call('ZADD', in_doubt, as_of + settle_after, batch)
    doubtful = doubtful + tonumber(is[2])
  end
  redis.call('ZREM', claimed_batches, batch)
end
for i = FIRST, #ARGV do
  local key = 6 + 3 * (i - FIRST)
  recover(ARGV[i], KEYS[key], KEYS[key + 1], KEYS[key + 2])
end
back = back - aside
local function move(state, n)
  if n ~= 0 then redis.call('HINCRBY', counts, state, n) end
end
if back + doubtful + aside > 0 then
  move('in_flight', -(back + doubtful + aside))
  move('queued', back)
  move('in_doubt', doubtful + aside)
  redis.call('HINCRBY', meta, 'revision', 1)
end
return { back, doubtful, aside }
