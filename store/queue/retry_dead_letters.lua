-- Applies an operator's decision to dead letters: takes entries from the front of the list and resends
-- their jobs, or closes them. A job whose message a status update has changed since is dropped; one in
-- another state than those meant goes to the end of the list. A finished lane sends again. The operation
-- id names `done`: a repeat returns the first result.
-- KEYS: meta, counts, codes, stats, queue, dead letters, done, outbox, then for each thousand of the first
--       entries' messages: its records, its attempt log
-- ARGV: 'resend' or 'close', most jobs (of more than one entry), messages a string holds, reason for the
--       attempt log; then lists, each led by its length: the states meant, the thousands, the sizes of
--       the first entries, as they were when their thousands were read
-- Returns: {'ok' or 'refused' or 'again' (others come first now), status of the lane, entries taken,
--          jobs resent or closed, jobs dropped}
-- include: clock, argv_reader, records, job_sections, attempt_log, changes
local meta, counts, codes, stats, queue, dead, done =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local resend, most, per_key, reason = ARGV[1] == 'resend', tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local call, DONE_MS = redis.call, 600000
local take, take_key = reader(ARGV, 5), reader(KEYS, 9)
local meant, outcomes, attempt_logs, sizes = {}, {}, {}, {}
for _ = 1, tonumber(take()) do meant[take()] = true end
for _ = 1, tonumber(take()) do
  local thousand = tonumber(take())
  outcomes[thousand], attempt_logs[thousand] = take_key(), take_key()
end
for i = 1, tonumber(take()) do sizes[i] = tonumber(take()) end

local before = call('GET', done)
if before then return cjson.decode(before) end
local status, wanted = unpack(call('HMGET', meta, 'status', 'outcomes'))
status = status or 'gone'
if status == 'gone' or (resend and (status == 'cancelling' or status == 'cancelled')) then
  return { 'refused', status, 0, 0, 0 }
end

local queued_now = 't\0\0\0' .. four_bytes(math.floor(now_ms() / 1000))
local line_end = ' local ' .. reason .. ' ' .. math.floor(now_ms() / 1000) .. ' operator'
local moves, taken, dropped = {}, 0, 0

-- Decides by its record whether a job is taken, stays on the list, or is dropped. A resent job stays in
-- doubt: an unconfirmed message may have arrived.
local function judge(index)
  local key, offset = outcomes[math.floor(index / per_key)], (index % per_key) * WIDTH
  if not key then return 'stays' end
  local record = call('GETRANGE', key, offset, offset + WIDTH - 1)
  local mark = string.byte(record)
  local state = mark and COUNTED[mark] and NAME[mark]
  if meant[state] then
    moves[state] = (moves[state] or 0) + 1
    if resend then
      note(record, -1)
      if wanted then note_change(index, queued_now) end
      call('SETRANGE', key, offset, 't')
      if state == 'unconfirmed' then call('SETRANGE', key, offset + DOUBT - 1, '\1') end
    end
    return 'taken'
  end
  return (state == 'unconfirmed' or state == 'failed') and 'stays' or 'dropped'
end
-- The section of the lines with this judgement.
local function part(all, attempts, base, lines, chosen)
  if #chosen == all then return section(all, attempts, base, lines) end
  return #chosen == 0 and '' or section(#chosen, attempts, 'x', table.concat(chosen, '\n'))
end
local function judge_section(n, attempts, base, lines)
  local sorted, indexes, first, at = { taken = {}, stays = {}, dropped = {} }, {}, tonumber(base), 0
  for line in string.gmatch(lines, '[^\n]+') do
    local index = first and first + at or tonumber(string.match(line, '^%d+'))
    local status = judge(index)
    table.insert(sorted[status], first and index .. '\t' .. line or line)
    if status == 'taken' then indexes[#indexes + 1] = index end
    at = at + 1
  end
  taken, dropped = taken + #indexes, dropped + #sorted.dropped
  if resend then add_to_attempt_log(attempt_logs, per_key, indexes, string.match(attempts, '^%d+') .. line_end) end
  return part(n, attempts, base, lines, sorted.taken), part(n, attempts, base, lines, sorted.stays)
end

local looked, seen, again = 0, 0, {}
for _, size in ipairs(sizes) do
  local entry = call('LINDEX', dead, 0) or ''
  local position, stays = (string.find(entry, '\n', 1, true) or 0) + 1, {}
  local n = #entry == size and jobs_in(entry, position) or 0
  if n == 0 or seen > 0 and seen + n > most then break end
  call('LPOP', dead)
  looked, seen, stays[1] = looked + 1, seen + n, string.sub(entry, 1, position - 1)
  while position <= #entry do
    local k, attempts, base, bytes, start = section_at(entry, position)
    local lines = string.sub(entry, start, start + bytes - 1)
    local out, rest = judge_section(k, attempts, base, lines)
    again[#again + 1], stays[#stays + 1] = out, rest
    position = start + bytes + 1
  end
  local left = table.concat(stays)
  if #left > #stays[1] then call('RPUSH', dead, left) end
end

if resend and taken > 0 then
  call('LPUSH', queue, table.concat(again))
  for state, n in pairs(moves) do call('HINCRBY', counts, state, -n) end
  call('HINCRBY', counts, 'queued', taken)
  call('HINCRBY', stats, 'retried', taken)
  call('HINCRBY', stats, 'retried:local:' .. reason, taken)
  write_noted(codes, stats)
  if wanted then write_changes(KEYS[8]) end
  call('HINCRBY', meta, 'revision', 1)
  if status == 'finished' then
    status = 'sending'
    call('HSET', meta, 'status', status, 'reason', '')
    call('HDEL', meta, 'finished_at')
  end
end
if looked == 0 and #sizes > 0 then return { 'again', status, 0, 0, 0 } end
local answer = { 'ok', status, looked, taken, dropped }
call('SET', done, cjson.encode(answer), 'PX', DONE_MS)
return answer
