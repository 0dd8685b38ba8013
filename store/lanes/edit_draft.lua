-- Changes a draft, or begins its launch (status: loading). A repeat changes nothing.
-- KEYS: meta, then the kept files of the draft
-- ARGV: the revision that the caller has read, seconds for which the files are kept, then field, value …
-- Returns: {'ok', or what stands in the way: 'changed' meanwhile, 'files' are gone, or the status; now
--           in ms}
-- include: clock
local meta, known, seconds = KEYS[1], ARGV[1], ARGV[2]
local call, now = redis.call, now_ms()
local status, revision = unpack(call('HMGET', meta, 'status', 'revision'))
local same = status
for i = 3, #ARGV, 2 do
  same = same and call('HGET', meta, ARGV[i]) == ARGV[i + 1]
end
if same then return { 'ok', now } end
if status ~= 'draft' then return { status or 'gone', now } end
if revision ~= known then return { 'changed', now } end
for i = 2, #KEYS do
  if call('EXPIRE', KEYS[i], seconds) == 0 then return { 'files', now } end
end
call('HSET', meta, 'touched_at', now, unpack(ARGV, 3))
call('HINCRBY', meta, 'revision', 1)
return { 'ok', now }
