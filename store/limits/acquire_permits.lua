-- Takes permits for n messages and one request of a sub-account, or returns the time to wait. GCRA: each
-- limit is one theoretical arrival time. Permits may be reserved up to a horizon ahead, so that a batch
-- is posted exactly when its turn comes. An idle or lost limiter starts empty. While a breaker holds up
-- the sub-account or the lane, only a probe that is due gets permits. Where the rate is learned, the
-- learned one applies if it is lower.
-- KEYS: limiter, permit (the result of this operation, for a repeat, and its arrival time), breakers,
--       requests, learned rate
-- ARGV: messages, messages/s, burst, part of the burst kept for urgent lanes (0 when urgent),
--       requests/s, horizon in ms, op, most messages of a probe, lease of a probe in ms, ends of
--       requests, ms without an answer that are a stall, most messages that may wait for an answer,
--       messages/s before any are learned ('' = they are not), lane ('' = people are not spaced), ms
--       between two messages to a person,
--       scopes of breakers of the lane besides those of the sub-account ...
-- Returns: {1, ms to wait before use, messages, 1 if the breakers need to learn a success or failure,
--           breakers of templates that are open, learned messages/s or '', 1 if another lane was active
--           lately, scopes that this is a probe of ...} or
--          {0, ms to wait before asking again, 1 if blocked else 0, scope of the breaker that refuses or
--          '', learned messages/s or ''}
-- include: breaker, clock, requests
local limiter, permit, breakers, requests, learned_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local n, rate, burst, kept, request_rate, horizon = tonumber(ARGV[1]), tonumber(ARGV[2]),
  tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]) * 1000
local op, most_probed, probe_lease = ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])
local ended, patience, most_waiting = ARGV[10], tonumber(ARGV[11]), tonumber(ARGV[12])
local IDLE_MS, REPEAT_MS, CROWDED_MS, SHARED_MS = 3600000, 10000, 50, 60000
local lane, apart = ARGV[14], tonumber(ARGV[15])
local now = now_us()
local ms = math.floor(now / 1000)

note_ended(limiter, requests, breakers, ended, ms)
local before = redis.call('GET', permit)
if before then return cjson.decode(before).answer end
local cold = look_for_stall(limiter, requests, breakers, patience, probe_lease, ms)
local is = redis.call('HMGET', limiter, 'messages', 'requests', 'blocked_until', 'lane', 'lane_at', 'shared_at')
local blocked = tonumber(is[3] or 0) - now
local learned = ''
if ARGV[13] ~= '' then
  learned = redis.call('HGET', learned_key, 'rate') or ARGV[13]
  if rate <= 0 or tonumber(learned) < rate then rate = tonumber(learned) end
  n = math.min(n, math.max(1, math.floor(rate / 2)))
  burst = math.min(burst, math.max(1, math.floor(rate / 2)))
end
if blocked > 0 then return { 0, math.ceil(blocked / 1000), 1, '', learned } end

local fields = redis.call('HLEN', breakers) -- usually there are none
local held, held_for, probed, told, others = '', 0, {}, 0, 0
local scopes = { 'account', 'server', 'stall' }
for i = 16, #ARGV do scopes[#scopes + 1] = ARGV[i] end
local noted = fields > 0 and redis.call('HMGET', breakers, unpack(scopes)) or {}
for i, scope in ipairs(scopes) do
  local breaker = noted[i] and cjson.decode(noted[i])
  local wait = breaker and probe_wait(breaker, ms)
  if breaker and wait == 0 then
    probed[#probed + 1] = { scope, breaker }
    if scope ~= 'server' then n = math.min(n, most_probed) end
    if scope == 'stall' then n = math.min(n, stall_probe(breaker)) end
  elseif breaker and wait > held_for then
    held, held_for = scope, wait
  end
end
if held ~= '' then return { 0, held_for, 0, held, learned } end
if (rate > 0 or cold) and #probed == 0 and too_many_wait(requests, n, most_waiting) then
  return { 0, CROWDED_MS, 0, '', learned }
end
if fields > 0 then
  local known = redis.call('HMGET', breakers, 'account', 'server', 'failing', 'bulk', 'stall')
  for i = 1, 3 do told = told + (known[i] and 1 or 0) end
  others = fields - told - (known[4] and 1 or 0) - (known[5] and 1 or 0)
end

-- Arrival times are written at the first request, granted or not: an empty limiter must begin to fill.
-- `kept` is reserved but fills like the rest.
local function limit(field, arrival, count, per_second, size, usable)
  if per_second <= 0 then return { at = now } end
  local gap = 1000000 / per_second
  local used = tonumber(arrival)
  if not used then
    used = now + size * gap
    redis.call('HSET', limiter, field, string.format('%.0f', used))
    redis.call('PEXPIRE', limiter, IDLE_MS)
  end
  local cost = count * gap
  return { field = field, used = used, cost = cost, at = math.max(now, used) + cost - usable * gap }
end
local function spend(one, at)
  if not one.field then return end
  redis.call('HSET', limiter, one.field, string.format('%.0f', math.max(at, one.used) + one.cost))
end
local messages = limit('messages', is[1], n, rate, math.max(burst, n), math.max(burst - kept, n))
local at_once = math.max(1, request_rate / 10)
local requests = limit('requests', is[2], 1, request_rate, at_once, at_once)
local at = math.max(now, messages.at, requests.at)
local wait = at - now
if wait > horizon then return { 0, math.ceil((wait - horizon) / 1000) + 1, 0, '', learned } end

spend(messages, at)
spend(requests, at)
-- End of the last turn that was given: returned permits must not let others go at the same moment.
if messages.field then redis.call('HSET', limiter, 'given', string.format('%.0f', at + messages.cost)) end
-- Two lanes within the time between two messages to a person: for a minute both note whom they write to.
local shared = 0
if lane ~= '' then
  local shared_at = tonumber(is[6] or 0)
  if is[4] and is[4] ~= lane and ms - tonumber(is[5]) < apart then shared_at = ms end
  if ms - shared_at < SHARED_MS then shared = 1 end
  redis.call('HSET', limiter, 'lane', lane, 'lane_at', ms, 'shared_at', shared_at)
end
redis.call('PEXPIRE', limiter, IDLE_MS)
local wait_ms = math.ceil(wait / 1000)
local answer = { 1, wait_ms, n, told > 0 and 1 or 0, others, learned, shared }
for _, one in ipairs(probed) do
  take_probe(breakers, one[1], one[2], op, ms + wait_ms + probe_lease)
  answer[#answer + 1] = one[1]
end
local arrival = redis.call('HGET', limiter, 'messages') or ''
redis.call('SET', permit, cjson.encode({ answer = answer, arrival = arrival }), 'PX', REPEAT_MS)
return answer
