-- Brings strings of records of a lane from layout 1 (36 bytes) to layout 2 (39 bytes), one after the other, and
-- counts the codes of the lane again: layout 1 never took one back. Nothing else may use the lane meanwhile.
-- KEYS: meta, codes, stats, the next strings of records
-- ARGV: how many strings were converted before, 1 if these are the last ones
-- Returns: strings that are converted now, or -1 if the lane is done or gone
-- include: records
local meta, codes, stats = KEYS[1], KEYS[2], KEYS[3]
local at, last = tonumber(ARGV[1]), ARGV[2] == '1'
local NARROW, VERSION, RECEIPT, FIRST = 36, 2, 5, 4
local call = redis.call

local lane = call('HMGET', meta, 'next', 'layout', 'widened')
if not lane[1] or lane[2] then return -1 end
local before = tonumber(lane[3] or 0)
if before ~= at then return before end
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
for k = FIRST, #KEYS do
  local blob, records = call('GET', KEYS[k]), {}
  for i = 1, blob and #blob or 0, NARROW do
    records[#records + 1] = widened(string.sub(blob, i, i + NARROW - 1))
  end
  if blob then call('SET', KEYS[k], table.concat(records)) end
end
write_noted(codes, stats)
local done = at + #KEYS - FIRST + 1
if last then
  call('HSET', meta, 'layout', VERSION)
  call('HDEL', meta, 'widened')
  return -1
end
call('HSET', meta, 'widened', done)
return done
