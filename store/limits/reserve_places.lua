-- Reserves a place under the tier of a portfolio for people who are written to outside a service window.
-- A place lasts for 24 hours and a quarter to half an hour more; a person who has one keeps and renews it.
-- In a field for each part of the people, `<bytes of a fingerprint>:<part>`, lie their fingerprints in the
-- order of time, each with the last byte of its quarter of an hour; `people` counts them by quarters.
-- KEYS: places
-- ARGV: most places that may be taken, bytes of a fingerprint, most places that a wait is for, people (five
--       bytes of a digest each)
-- Returns: {s since 1970 at which places are free for those without, their positions (from 0) ...}
-- include: clock
local places, most, width, share, people = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local QUARTER_MS, KEPT, PARTS, DIGEST, IDLE_MS, TIDY = 900000, 98, 1024, 5, 90000000, 50
local call, quarters, counts, used = redis.call, {}, {}, 0
local clock = math.floor(now_ms() / QUARTER_MS)
local now = clock

local is = call('HMGET', places, 'people', 'tidied')
for at, n in string.gmatch(is[1] or '', '(%d+):(%d+)') do
  at, n = tonumber(at), tonumber(n)
  if now - at < KEPT then
    quarters[#quarters + 1], counts[at], used = at, n, used + n
  end
end
now = math.max(now, quarters[#quarters] or 0)
if not counts[now] then quarters[#quarters + 1], counts[now] = now, 0 end

local function lasting(list, size)
  local at = 1
  while at <= #list and (now - string.byte(list, at + size - 1)) % 256 >= KEPT do at = at + size end
  return string.sub(list, at)
end
-- A byte tells quarters apart for 256 of them, and an unused hash expires after 100.
if now - tonumber(is[2] or 0) >= TIDY then
  local all = is[2] and call('HGETALL', places) or {}
  for i = 1, #all, 2 do
    local bytes = string.match(all[i], '^(%d):')
    local rest = bytes and lasting(all[i + 1], bytes + 1)
    if rest == '' then call('HDEL', places, all[i]) elseif rest then call('HSET', places, all[i], rest) end
  end
  call('HSET', places, 'tidied', now)
end

local wanted, fields, lists = {}, {}, {}
for at = 1, #people, DIGEST do
  local high, low = string.byte(people, at, at + 1)
  local field = width .. ':' .. (high * 256 + low) % PARTS
  wanted[#wanted + 1] = { field, string.sub(people, at + 2, at + 1 + width) }
  if not lists[field] then fields[#fields + 1], lists[field] = field, '' end
end
local size, stamp, over, changed = width + 1, string.char(now % 256), {}, {}
for i, list in ipairs(call('HMGET', places, unpack(fields))) do
  lists[fields[i]] = lasting(list or '', size)
end
for i, one in ipairs(wanted) do
  local field, print = one[1], one[2]
  local list = lists[field]
  local at = string.find(list, print, 1, true)
  while at and at % size ~= 1 do at = string.find(list, print, at + 1, true) end
  local age = at and (now - string.byte(list, at + width)) % 256
  if not age and used >= most then
    over[#over + 1] = i - 1
  elseif age ~= 0 then
    if age then
      counts[now - age] = counts[now - age] - 1
      list = string.sub(list, 1, at - 1) .. string.sub(list, at + size)
    else
      used = used + 1
    end
    counts[now], lists[field], changed[field] = counts[now] + 1, list .. print .. stamp, true
  end
end

local new, told, free, due = {}, {}, most - used, now
for field in pairs(changed) do new[#new + 1], new[#new + 2] = field, lists[field] end
for _, at in ipairs(quarters) do
  if counts[at] > 0 then told[#told + 1] = at .. ':' .. counts[at] end
end
if #new > 0 then
  call('HSET', places, 'people', table.concat(told, ' '), unpack(new))
  call('PEXPIRE', places, IDLE_MS)
end
-- Others wait behind them: with too few places at a time, all of them would be claimed too often.
for _, at in ipairs(quarters) do
  due, free = at, free + counts[at]
  if free >= math.min(10 * #over, share) then break end
end
-- A clock that was ahead has left places of times to come: people are looked at again within a day.
return { (math.min(due, clock) + KEPT) * QUARTER_MS / 1000, unpack(over) }
