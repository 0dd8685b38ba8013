-- Changes of messages for the outcome stream, kept in the lane's outbox until a worker collects them. A
-- lane has them only while its meta says `outcomes`. Twelve bytes a change: mark of the state, origin,
-- code (2), time (4), index (4); a run of indexes has a capital mark, and two bytes of their number
-- (store/outcomes/stream.py).
local MOST_RUN = 65535
local changes, run_head, run_first, run_n = {}, nil, 0, 0
local function four_bytes(n)
  return string.char(math.floor(n / 16777216) % 256, math.floor(n / 65536) % 256, math.floor(n / 256) % 256, n % 256)
end
local function close_run()
  if run_n == 1 then
    changes[#changes + 1] = run_head .. four_bytes(run_first)
  elseif run_n > 1 then
    changes[#changes + 1] = string.char(string.byte(run_head) - 32) .. string.sub(run_head, 2)
      .. four_bytes(run_first) .. string.char(math.floor(run_n / 256), run_n % 256)
  end
end
local function note_change(index, head)
  if head == run_head and index == run_first + run_n and run_n < MOST_RUN then
    run_n = run_n + 1
    return
  end
  close_run()
  run_head, run_first, run_n = head, index, 1
end
-- Notes the counted records of a blob that begins with this index.
local function note_records(index, blob)
  for at = 1, #blob, WIDTH do
    if COUNTED[string.byte(blob, at)] then
      local head = string.sub(blob, at, at) .. string.sub(blob, at + 2, at + 4) .. string.sub(blob, at + 9, at + 12)
      note_change(index, head)
    end
    index = index + 1
  end
end
local function write_changes(outbox)
  close_run()
  if #changes > 0 then redis.call('XADD', outbox, '*', 'c', table.concat(changes)) end
end
