-- Opens a lane, once. A repeat changes nothing and returns the existing lane. Nothing is opened while an
-- expired lane of this id is still being removed.
-- KEYS: meta, expiring, then the kept files of a draft
-- ARGV: seconds for which the files are kept, then field, value, field, value … (status, next and
--       revision are set here)
-- Returns: {1 if it was opened now else 0, status, digest of content, digest of source}
-- include: clock
local meta, expiring = KEYS[1], KEYS[2]
local fresh = 0
if redis.call('EXISTS', meta) == 0 and redis.call('EXISTS', expiring) == 0 then
  redis.call('HSET', meta, 'next', 0, 'revision', 0, 'opened_at', now_ms(), unpack(ARGV, 2))
  for i = 3, #KEYS do redis.call('EXPIRE', KEYS[i], ARGV[1]) end
  fresh = 1
end
local is = redis.call('HMGET', meta, 'status', 'content_digest', 'source')
return { fresh, is[1] or 'gone', is[2] or '', is[3] or '' }
