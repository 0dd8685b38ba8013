-- What waits to be retried of a batch that a receipt has named is in doubt instead, and does not go out again by
-- itself. Returns how many jobs that are.
local function doubt_retries(in_doubt_batch, in_doubt, batch, blob, now)
  local n = jobs_in(blob, 1)
  redis.call('HSET', in_doubt_batch, 'jobs', blob, 'n', n, 'tries', 0, 'owner', '', 'held', 1)
  redis.call('ZADD', in_doubt, now, batch .. 'w')
  return n
end
