-- Brings the records of a lane from layout 1 (36 bytes) to layout 2 (39 bytes), some strings at a time,
-- and recounts its codes: layout 1 never decremented one. Repeat it until it returns 0; nothing else may
-- use the lane meanwhile.
-- KEYS: meta, codes, stats, then the strings of records that come next
-- ARGV: messages a string holds, number of the next string as the caller believes
-- Returns: strings left
-- include: records
local meta, codes, stats = KEYS[1], KEYS[2], KEYS[3]
local per_key, believed, most = tonumber(ARGV[1]), tonumber(ARGV[2]), #KEYS - 3
local NARROW, VERSION, RECEIPT = 36, 2, 5
local call = redis.call

local lane = call('HMGET', meta, 'next', 'layout', 'widened')
if not lane[1] or lane[2] then return 0 end
local at, all = tonumber(lane[3] or 0), math.ceil(tonumber(lane[1]) / per_key)
if at ~= believed then return all - at end
if at == 0 then call('DEL', codes) end

local empty = string.rep('\0', WIDTH)
local function widened(record)
  local mark, _, origin = string.byte(record, 1, 3)
  if mark == 0 then return empty end
  if NAME[mark] == 'undelivered' then origin = RECEIPT end
  local wide = string.sub(record, 1, 2) .. string.char(VERSION * 16 + origin) .. string.sub(record, 4, 13)
    .. '\0\0\0' .. string.sub(record, 14)
  if COUNTED[mark] then note(wide, 1) end
  return wide
end
local to = math.min(at + most, all)
for bucket = at, to - 1 do
  local key, records = KEYS[4 + bucket - at], {}
  local blob = call('GET', key)
  for i = 1, blob and #blob or 0, NARROW do
    records[#records + 1] = widened(string.sub(blob, i, i + NARROW - 1))
  end
  if blob then call('SET', key, table.concat(records)) end
end
write_noted(codes, stats)
if to < all then
  call('HSET', meta, 'widened', to)
else
  call('HSET', meta, 'layout', VERSION)
  call('HDEL', meta, 'widened')
end
return all - to
