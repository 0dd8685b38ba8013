-- Moves the delayed jobs of a batch that a receipt has named to in doubt, so that they are not resent
-- automatically. Returns their number.
local function doubt_retries(in_doubt_batch, in_doubt, batch, blob, now)
  local n = jobs_in(blob, 1)
  redis.call('HSET', in_doubt_batch, 'jobs', blob, 'n', n, 'tries', 0, 'owner', '', 'held', 1)
  redis.call('ZADD', in_doubt, now, batch .. 'w')
  return n
end
