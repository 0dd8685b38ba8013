-- Sets, changes or removes the time at which a campaign starts, until its first claim. Without a time it
-- is paused, so that its removal sends nothing.
-- KEYS: meta
-- ARGV: time in ms since 1970 ('' = none), its time zone, reason of the pause
-- Returns: {'ok', 'past', 'started', or what stands in the way: the status; the status then}
-- include: clock
local meta, send_at, zone, reason = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local call = redis.call
local status, kind, loaded, early, started, at, at_zone =
  unpack(call('HMGET', meta, 'status', 'kind', 'loaded', 'early', 'started_at', 'send_at', 'zone'))
if not status or kind ~= 'campaign' then return { 'gone', 'gone' } end
if started then return { 'started', status } end
local may_change = { loading = 1, scheduled = 1, sending = 1, paused = 1 }
if not may_change[status] then return { status, status } end
local to = 'paused'
if send_at ~= '' then
  if tonumber(send_at) <= now_ms() then return { 'past', status } end
  to = (loaded == '1' or early == '1') and 'scheduled' or 'loading'
end
if to == status and (at or '') == send_at and (at_zone or '') == zone then return { 'ok', to } end
call('HSET', meta, 'send_at', send_at, 'zone', zone)
call('HSET', meta, 'status', to, 'reason', to == 'paused' and reason or '')
call('HINCRBY', meta, 'revision', 1)
return { 'ok', to }
