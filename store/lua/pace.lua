-- Rate at which messages of a lane end: the number in the open window, and the rate of the window
-- before, in messages per 1,000 s (store/reports/lane_report.py). After a gap (a pause, an outage) a new
-- window begins, so that the gap does not lower the rate.
local WINDOW_MS, GAP_MS = 5000, 10000
local function note_pace(stats, ended, now)
  local from, n, last = unpack(redis.call('HMGET', stats, 'pace_from', 'pace_n', 'pace_last'))
  if not from or now - tonumber(last) > GAP_MS then
    redis.call('HSET', stats, 'pace_from', now, 'pace_n', 0, 'pace_last', now)
    return
  end
  local lasted, all = now - tonumber(from), tonumber(n) + ended
  if lasted < WINDOW_MS then
    redis.call('HSET', stats, 'pace_n', all, 'pace_last', now)
  else
    local pace = string.format('%.0f', all * 1000000 / lasted)
    redis.call('HSET', stats, 'pace', pace, 'pace_from', now, 'pace_n', 0, 'pace_last', now)
  end
end
