-- The number of a tag in a lane, a new one for an unknown tag; nil if there are as many as there may be.
local function tag_number(tags, tag, most)
  local n = tonumber(redis.call('HGET', tags, tag) or '')
  if n then return n end
  n = redis.call('HLEN', tags) + 1
  if n > most then return nil end
  redis.call('HSET', tags, tag, n)
  return n
end
