-- Adds one line to the attempt log of messages, a bucket at a time: '<runs of indexes> <line>'. Indexes
-- are ascending. `attempt_logs` maps buckets to keys.
local function add_to_attempt_log(attempt_logs, per_bucket, indexes, line)
  local buckets = {}
  for _, index in ipairs(indexes) do
    local bucket = math.floor(index / per_bucket)
    local runs = buckets[bucket] or {}
    local last = runs[#runs]
    if last and last[2] == index - 1 then last[2] = index else runs[#runs + 1] = { index, index } end
    buckets[bucket] = runs
  end
  for bucket, runs in pairs(buckets) do
    for i, run in ipairs(runs) do
      runs[i] = run[1] == run[2] and tostring(run[1]) or run[1] .. '-' .. run[2]
    end
    redis.call('RPUSH', attempt_logs[bucket], table.concat(runs, ',') .. ' ' .. line)
  end
end
