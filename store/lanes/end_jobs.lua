-- Ends jobs in one place of a lane for good: removes them from their packed value and writes their
-- messages' records. From the dead letters, which are copies, they are only removed.
-- KEYS: meta, counts, codes, stats, value, index of the place (retry batches, in doubt; else the value
--       once more), outbox, then for each job: string of records, long ids
-- ARGV: place (queue, retry batch, in-doubt batch or dead letters), id of the retry batch or in-doubt
--       batch, state of the jobs, the value as it was read, the value without them ('' = nothing is
--       left), jobs that are left, then for each job: offset, record, index, recipient who is not a
--       number ('' = not to be kept)
-- Returns: 1; 0 if the value has changed: read it again
-- include: clock, finish_lane, argv_reader, records, changes
local meta, counts, codes, stats, value, index = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local place, id, state, old, new, left = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local FIRST, REMOVED = 7, 'removed'
local OUTBOX, FIRST_RECORDS = KEYS[7], 8
local call = redis.call

local function replace_in_list()
  local at = call('LPOS', value, old)
  if not at then return false end
  call('LSET', value, at, new == '' and REMOVED or new)
  if new == '' then call('LREM', value, 1, REMOVED) end
  return true
end
local function replace_in_place()
  local is = place == 'retry' and call('GET', value) or place == 'in_doubt' and call('HGET', value, 'jobs')
  if is ~= old then return false end
  if new == '' then
    call('DEL', value)
    call('ZREM', index, id)
  elseif place == 'retry' then
    call('SET', value, new)
  else
    call('HSET', value, 'jobs', new, 'n', left)
  end
  return true
end
local done = (place == 'queue' or place == 'dead') and replace_in_list() or replace_in_place()
if not done then return 0 end
if place == 'dead' then return 1 end

local take, take_key = reader(ARGV, FIRST), reader(KEYS, FIRST_RECORDS)
local moves, n, known_now = {}, (#ARGV - FIRST + 1) / 4, 0
for _ = 1, n do
  local key, ids, offset, record = take_key(), take_key(), tonumber(take()) * WIDTH, take()
  local index_of_job, long_id = take(), take()
  if long_id ~= '' then call('HSET', ids, index_of_job, long_id) end
  local ended = NAME[string.byte(record)]
  moves[ended] = (moves[ended] or 0) + 1
  note(record, 1)
  local stays, early = settled(record, call('GETRANGE', key, offset, offset + #record - 1), moves)
  call('SETRANGE', key, offset, stays)
  note_records(string.match(key, '%d+$') * PER_KEY + offset / WIDTH, stays)
  if early then known_now = known_now + 1 end
end
call('HINCRBY', counts, state, -n)
for name, k in pairs(moves) do if k ~= 0 then call('HINCRBY', counts, name, k) end end
write_noted(codes, stats)
if known_now > 0 then call('HINCRBY', meta, 'early_updates', -known_now) end
call('HINCRBY', meta, 'revision', 1)
local _, wanted = finish_if_done(meta, counts)
if wanted then write_changes(OUTBOX) end
return 1
