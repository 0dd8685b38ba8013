-- What waits to be retried of a batch that a receipt has named is parked instead, and does not go out again by
-- itself. Returns how many jobs that are.
local function park_wave(park, parked, batch, blob, now)
  local n = jobs_in(blob, 1)
  redis.call('HSET', park, 'jobs', blob, 'n', n, 'tries', 0, 'owner', '', 'held', 1)
  redis.call('ZADD', parked, now, batch .. 'w')
  return n
end
