-- Takes the lease of an active subscription that is due.
-- KEYS: subscriptions, its progress
-- ARGV: id, owner, lease in ms
-- Returns: {the subscription, now in ms, position, failures in a row, ms of the first of them (0: none),
--          ms of the last success or of its beginning}; nothing if another process has it, or it is not due
-- include: clock
local subscriptions, progress, id, owner, lease = KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3])
local kept, now = redis.call('HGET', subscriptions, id), now_ms()
if not kept or cjson.decode(kept).disabled ~= '' then return {} end
local is = redis.call('HMGET', progress, 'due', 'lease', 'cursor', 'failures', 'failing_since', 'well_at')
if tonumber(is[1] or 0) > now or tonumber(is[2] or 0) > now then return {} end
redis.call('HSET', progress, 'owner', owner, 'lease', now + lease)
return { kept, now, is[3] or '0-0', tonumber(is[4] or 0), tonumber(is[5] or 0), tonumber(is[6] or 0) }
