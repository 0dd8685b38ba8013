-- Takes up to n jobs from the front of a lane's queue into a flight with a lease. The batch id is the
-- operation id: a repeat answers the same jobs.
-- KEYS: meta, counts, queue, flights, flight
-- ARGV: batch id, owner, most jobs, most bytes, lease in ms, status the lane must be in
-- Returns: {status, journal, now in ms, number of jobs, queue elements left, jobs}
-- include: clock, sections
local meta, counts, queue, flights, flight = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local batch, owner, most, most_bytes, lease, wanted =
  ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local now = now_ms()

local before = redis.call('HMGET', flight, 'jobs', 'n')
local lane = redis.call('HMGET', meta, 'status', 'journal')
if before[1] then
  return { wanted, tonumber(lane[2]), now, tonumber(before[2]), redis.call('LLEN', queue), before[1] }
end
if lane[1] ~= wanted then return { lane[1] or 'gone', tonumber(lane[2] or 0), now, 0, 0, '' } end

-- The first k lines of a section, and the rest of it as a section of its own.
local function split(blob, n, attempts, base, start, bytes, k)
  local stop = start - 1
  for _ = 1, k do stop = string.find(blob, '\n', stop + 1, true) end
  local head = string.sub(blob, start, stop - 1)
  local tail = string.sub(blob, stop + 1, start + bytes - 1)
  local tail_base = base == 'x' and base or tonumber(base) + k
  return section(k, attempts, base, head), section(n - k, attempts, tail_base, tail)
end

local taken, size, parts, full = 0, 0, {}, false
while not full do
  local blob = redis.call('LPOP', queue)
  if not blob then break end
  local position = 1
  while position <= #blob and not full do
    local n, attempts, base, bytes, start = section_at(blob, position)
    local room = most - taken
    if taken > 0 and size + bytes > most_bytes then
      full = true
    elseif n > room then
      local head, tail = split(blob, n, attempts, base, start, bytes, room)
      parts[#parts + 1] = head
      blob, position = tail .. string.sub(blob, start + bytes + 1), 1
      taken, full = most, true
    else
      parts[#parts + 1] = string.sub(blob, position, start + bytes)
      taken, size, position = taken + n, size + bytes, start + bytes + 1
      full = taken == most
    end
  end
  if position <= #blob then redis.call('LPUSH', queue, string.sub(blob, position)) end
end
if taken == 0 then return { wanted, tonumber(lane[2]), now, 0, 0, '' } end

local jobs = table.concat(parts)
redis.call('HSET', flight, 'jobs', jobs, 'n', taken, 'owner', owner, 'phase', 'claimed', 'tries', 0)
redis.call('ZADD', flights, now + lease, batch)
redis.call('HINCRBY', counts, 'queued', -taken)
redis.call('HINCRBY', counts, 'in_flight', taken)
local journal = redis.call('HINCRBY', meta, 'journal', 1)
redis.call('HSETNX', meta, 'started_at', now)
return { wanted, journal, now, taken, redis.call('LLEN', queue), jobs }
