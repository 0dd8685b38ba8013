-- Ends a lane whose file is loaded and that has no open messages. A lane whose counts do not add up to
-- the jobs it accepted never ends: it stays, for `verify`. Returns the status, and '1' if changes of its
-- messages are wanted.
local function finish_if_done(meta, counts)
  local lane = redis.call('HMGET', meta, 'status', 'loaded', 'rolling', 'next', 'outcomes')
  local status = lane[1]
  if status == 'finished' or status == 'cancelled' then return status, lane[5] end
  if lane[2] ~= '1' or lane[3] == '1' then return status, lane[5] end
  local open = redis.call('HMGET', counts, 'queued', 'in_flight', 'delayed', 'in_doubt')
  for i = 1, 4 do
    if tonumber(open[i] or 0) ~= 0 then return status, lane[5] end
  end
  local sum = 0
  for _, n in ipairs(redis.call('HVALS', counts)) do sum = sum + tonumber(n) end
  if sum ~= tonumber(lane[4] or 0) then return status, lane[5] end
  local ended = status == 'cancelling' and 'cancelled' or 'finished'
  redis.call('HSET', meta, 'status', ended, 'finished_at', now_ms())
  return ended, lane[5]
end
