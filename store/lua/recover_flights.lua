-- Takes back flights whose lease has run out. What was about to be posted is in doubt and is parked. What
-- was only claimed returns to the queue in halves, since one of its jobs may be what kills workers: each
-- half goes alone, until a single job that keeps dying is set aside.
-- KEYS: meta, counts, queue, flights, parked
-- ARGV: prefix of flights, prefix of parks, most flights, ms to wait for evidence, deaths of a single job,
--       time in ms by which it must have run out, told by note_sweep (empty = now)
-- Returns: {messages back in the queue, messages parked, jobs set aside}
-- include: clock, sections
local meta, counts, queue, flights, parked = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local flight_prefix, park_prefix, most, settle_after, most_deaths =
  ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local as_of = math.min(now_ms(), tonumber(ARGV[6]) or math.huge)

local back, doubtful, aside = 0, 0, 0
local function set_aside(id, blob)
  redis.call('HSET', park_prefix .. id, 'jobs', blob, 'n', 1, 'tries', 0, 'owner', '', 'killer', 1)
  redis.call('ZADD', parked, as_of, id)
  aside = aside + 1
end
local function halve(id, blob)
  local pieces, position = {}, 1
  while position <= #blob do
    local n, attempts, base, bytes, start, deaths = section_at(blob, position)
    local lines = string.sub(blob, start, start + bytes - 1)
    if n > 1 then
      local first, second = cut(blob, start, n, attempts, base, bytes, math.floor(n / 2), 1)
      pieces[#pieces + 1], pieces[#pieces + 2] = first, second
    elseif math.max(deaths, 1) < most_deaths then
      pieces[#pieces + 1] = section(1, attempts, base, lines, math.max(deaths, 1) + 1)
    else
      set_aside(id .. 'k' .. position, section(1, attempts, base, lines))
    end
    position = start + bytes + 1
  end
  for i = #pieces, 1, -1 do redis.call('LPUSH', queue, pieces[i]) end
end
for _, batch in ipairs(redis.call('ZRANGEBYSCORE', flights, '-inf', as_of, 'LIMIT', 0, most)) do
  local flight = flight_prefix .. batch
  local is = redis.call('HMGET', flight, 'phase', 'n', 'jobs')
  if is[1] == 'claimed' then
    back = back + tonumber(is[2])
    halve(batch, is[3])
    redis.call('DEL', flight)
  elseif is[1] then
    redis.call('HSET', flight, 'owner', '')
    redis.call('RENAME', flight, park_prefix .. batch)
    redis.call('ZADD', parked, as_of + settle_after, batch)
    doubtful = doubtful + tonumber(is[2])
  end
  redis.call('ZREM', flights, batch)
end
back = back - aside
local function move(state, n)
  if n ~= 0 then redis.call('HINCRBY', counts, state, n) end
end
if back + doubtful + aside > 0 then
  move('in_flight', -(back + doubtful + aside))
  move('queued', back)
  move('parked', doubtful + aside)
  redis.call('HINCRBY', meta, 'journal', 1)
end
return { back, doubtful, aside }
