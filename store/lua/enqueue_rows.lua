-- Adds one chunk of a recipient file to a campaign: recipients seen before are dropped, the rest get
-- their indexes, and the place in the file moves on, all in one step. The place is the operation id:
-- a repeat of the last chunk answers what the first call answered, one of an earlier chunk zeros.
-- KEYS: meta, counts, queue
-- ARGV: seen prefix, offset the chunk starts at, offset, line and row it ends at, rejects in it, lines
-- Returns: {'ok', journal, first index, added, duplicates} or {'repeat', …} or {'gap', offset} or {status}
-- include: sections
local meta, counts, queue = KEYS[1], KEYS[2], KEYS[3]
local seen, from, to, line, row, rejects, lines =
  ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7]

local lane = redis.call('HMGET', meta, 'status', 'loaded', 'offset', 'next', 'seen_buckets', 'last')
if not lane[1] then return { 'gone' } end
if lane[1] == 'cancelling' or lane[1] == 'cancelled' then return { lane[1] } end
local offset = tonumber(lane[3] or 0)
if offset >= to then
  local last = offset == to and lane[6] and cjson.decode(lane[6]) or { 0, 0, 0, 0 }
  return { 'repeat', last[1], last[2], last[3], last[4] }
end
if lane[2] == '1' then return { 'loaded' } end
if offset ~= from then return { 'gap', offset } end

local first, buckets = tonumber(lane[4]), tonumber(lane[5])
local call, find, byte = redis.call, string.find, string.byte
local EXACT_DIGITS = 15
local index, at, duplicates, length = first, 1, 0, #lines
local kept, n_kept, kept_from = {}, 0, 1
while at <= length do
  local stop = find(lines, '\n', at, true) or length + 1
  local _, _, digits, rest = find(lines, '^(%d*)([^\t\n]*)', at)
  local recipient = digits .. rest
  local number = rest == '' and #digits <= EXACT_DIGITS and tonumber(digits)
  if not number then
    number = 0
    for i = 1, #recipient do number = (number * 31 + byte(recipient, i)) % 1000003 end
  end
  if call('HSETNX', seen .. (number % buckets), recipient, index) == 1 then
    index = index + 1
  else
    duplicates = duplicates + 1
    if at > kept_from then
      n_kept = n_kept + 1
      kept[n_kept] = string.sub(lines, kept_from, at - 2)
    end
    kept_from = stop + 1
  end
  at = stop + 1
end
local added = index - first
if duplicates > 0 then
  if kept_from <= length then kept[n_kept + 1] = string.sub(lines, kept_from) end
  lines = table.concat(kept, '\n')
end

local journal = call('HINCRBY', meta, 'journal', 1)
if added > 0 then
  call('RPUSH', queue, section(added, 0, first, lines))
  call('HINCRBY', counts, 'queued', added)
end
if rejects > 0 then call('HINCRBY', meta, 'rejects', rejects) end
if duplicates > 0 then call('HINCRBY', meta, 'duplicates', duplicates) end
call('HSET', meta, 'next', index, 'offset', to, 'line', line, 'row', row,
  'last', cjson.encode({ journal, first, added, duplicates }))
return { 'ok', journal, first, added, duplicates }
