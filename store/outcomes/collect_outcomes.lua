-- Appends entries of a lane's outbox to the outcome stream of its sub-account, each of them once, and an
-- event if the lane's status is another than the last one. Removes the oldest entries of the stream that
-- are too old, or too many bytes.
-- KEYS: stream, figures, lanes (lane → id of its last entry, status)
-- ARGV: ms for which entries are kept, most bytes, lane ('' = an event of no lane), its status ('' = as
--       it was), the event ('' = none), then the entries: id, changes
-- Returns: number of entries appended
-- include: clock
local stream, figures, lanes = KEYS[1], KEYS[2], KEYS[3]
local keep_ms, most, lane, status, event = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local FIRST, OVERHEAD, AT_ONCE, MOST_REMOVED = 6, 48, 20, 400
local call = redis.call

local function numbers(id)
  local ms, seq = string.match(id, '(%d+)-(%d+)')
  return tonumber(ms), tonumber(seq)
end
local appended, bytes = 0, 0
local function append(kind, of, value)
  call('XADD', stream, '*', kind, of, 'v', value)
  appended, bytes = appended + 1, bytes + #of + #value + OVERHEAD
end
local last, told = string.match(call('HGET', lanes, lane) or '0-0 ', '^(%S+) (.*)$')
local last_ms, last_seq = numbers(last)
for i = FIRST, #ARGV, 2 do
  local ms, seq = numbers(ARGV[i])
  if ms > last_ms or ms == last_ms and seq > last_seq then
    append('l', lane, ARGV[i + 1])
    last, last_ms, last_seq = ARGV[i], ms, seq
  end
end
if status == '' then status = told end
if event ~= '' and (lane == '' or told ~= status) then append('e', lane, event) end
if lane ~= '' then call('HSET', lanes, lane, last .. ' ' .. status) end

local all = tonumber(call('HGET', figures, 'bytes') or 0) + bytes
local oldest_ms, removed, gone = now_ms() - keep_ms, 0, nil
repeat
  local more = false
  for _, entry in ipairs(call('XRANGE', stream, '-', '+', 'COUNT', AT_ONCE)) do
    if all <= most and numbers(entry[1]) >= oldest_ms then break end
    call('XDEL', stream, entry[1])
    all, gone, removed = all - #entry[2][2] - #entry[2][4] - OVERHEAD, entry[1], removed + 1
    more = removed < MOST_REMOVED
  end
until not more
call('HSET', figures, 'bytes', all)
if gone then call('HSET', figures, 'gone', gone) end
return appended
