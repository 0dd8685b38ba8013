-- Stores webhook bodies, one entry each. All or none.
-- KEYS: inbox
-- ARGV: bodies
-- Returns: their ids
local inbox = KEYS[1]
local ids = {}
for i, body in ipairs(ARGV) do
  ids[i] = redis.call('XADD', inbox, '*', 'body', body)
end
return ids
