-- Finds messages by their idempotency keys.
-- KEYS: for each idempotency key its bucket of today, and that of yesterday
-- ARGV: the digests of the idempotency keys
-- Returns: the stored value of each, as enqueue_messages writes it; '' where there is none
local found = {}
for n, digest in ipairs(ARGV) do
  found[n] = redis.call('HGET', KEYS[2 * n - 1], digest) or redis.call('HGET', KEYS[2 * n], digest) or ''
end
return found
