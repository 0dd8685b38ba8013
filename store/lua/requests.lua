-- The requests of a sub-account that wait for an answer, over all workers: a sorted set,
-- `<op>:<messages>` → ms of the mark; and in the limiter the time of the last usable answer. Without
-- answers the breaker `stall` opens: only a small probe is posted. An answer to a request at least as
-- young as the stall closes it.
local STALL_FIRST_MS, STALL_LONGEST_MS = 250, 4000
local function open_stall(breakers, reason, since, now)
  local stall = new_breaker(reason, 'worker', STALL_FIRST_MS, STALL_LONGEST_MS, now)
  stall.probe_at, stall.since = now, since
  redis.call('HSET', breakers, 'stall', cjson.encode(stall))
end
-- Messages of its probe; few, since they may end in doubt.
local function stall_probe(stall)
  return stall.failures == 1 and 10 or 1
end
-- Records the ends of requests: words of a sign and a request, `+` for a usable answer.
local function note_ended(limiter, requests, breakers, ended, now)
  local newest = nil
  for sign, request in string.gmatch(ended, '([+-])(%S+)') do
    local at = sign == '+' and tonumber(redis.call('ZSCORE', requests, request) or nil)
    redis.call('ZREM', requests, request)
    if at then newest = math.max(newest or 0, at) end
  end
  if not newest then return end
  redis.call('HSET', limiter, 'answered_at', now)
  redis.call('PEXPIRE', limiter, 3600000)
  local stall = breaker_of(breakers, 'stall')
  if stall and stall.since and newest >= stall.since then redis.call('HDEL', breakers, 'stall') end
end
-- Opens `stall` if requests have waited longer than `patience` ms without an answer. Returns true when
-- there is no recent answer at all.
local function look_for_stall(limiter, requests, breakers, patience, lease, now)
  redis.call('ZREMRANGEBYSCORE', requests, '-inf', now - lease) -- their workers are gone
  local answered_at = tonumber(redis.call('HGET', limiter, 'answered_at') or 0)
  local cold = now - answered_at > patience
  local oldest = cold and redis.call('ZRANGE', requests, 0, 0, 'WITHSCORES')[2]
  local since = oldest and math.max(tonumber(oldest), answered_at)
  if since and now - since > patience and redis.call('HEXISTS', breakers, 'stall') == 0 then
    local reason = string.format('no answer has come for %.1f s', (now - since) / 1000)
    open_stall(breakers, reason, since, now)
  end
  return cold
end
-- True when `n` more messages exceed the limit of messages that wait for an answer.
local function too_many_wait(requests, n, most)
  local waiting = n
  for _, request in ipairs(redis.call('ZRANGE', requests, 0, -1)) do
    waiting = waiting + tonumber(string.match(request, ':(%d+)$'))
  end
  return waiting > most and waiting > n
end
