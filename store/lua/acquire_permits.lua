-- Takes permits for n messages and one request of a sub-account, or says how long to wait. GCRA: each
-- limit is one theoretical arrival time. Permits may be reserved up to a horizon ahead, so that a
-- batch goes out at the very moment its turn comes. An idle or lost limiter starts empty.
-- KEYS: limiter, permit (the answer of this operation, for a repeat)
-- ARGV: messages, messages/s, burst, part of the burst kept for urgent lanes (0 when urgent),
--       requests/s, horizon in ms
-- Returns: {1, ms to wait before use} or {0, ms to wait before asking again, 1 if blocked else 0}
-- include: clock
local limiter, permit = KEYS[1], KEYS[2]
local n, rate, burst, kept, request_rate, horizon = tonumber(ARGV[1]), tonumber(ARGV[2]),
  tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]) * 1000
local IDLE_MS, REPEAT_MS = 3600000, 10000
local now = now_us()

local before = redis.call('GET', permit)
if before then return { 1, tonumber(before) } end
local is = redis.call('HMGET', limiter, 'messages', 'requests', 'blocked_until')
local blocked = tonumber(is[3] or 0) - now
if blocked > 0 then return { 0, math.ceil(blocked / 1000), 1 } end

-- Arrival times are written down when asked for the first time, granted or not: what is empty must
-- begin to fill. `kept` may not be used, but fills like the rest.
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
if wait > horizon then return { 0, math.ceil((wait - horizon) / 1000) + 1, 0 } end

spend(messages, at)
spend(requests, at)
redis.call('PEXPIRE', limiter, IDLE_MS)
local wait_ms = math.ceil(wait / 1000)
redis.call('SET', permit, wait_ms, 'PX', REPEAT_MS)
return { 1, wait_ms }
