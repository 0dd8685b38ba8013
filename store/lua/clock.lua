-- Redis' clock is the only clock: scripts take delays, never a caller's time.
local function now_us()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local function now_ms()
  return math.floor(now_us() / 1000)
end
