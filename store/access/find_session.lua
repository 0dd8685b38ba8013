-- Finds a session of the page; ends it if its token is revoked or expired.
-- KEYS: session, tokens
-- ARGV: 1 to reset its idle time, else 0
-- Returns: {end of the session (ms since 1970), id of its token, record of the token as in add_token};
--          nil when there is none
-- include: clock
local session, tokens, touch = KEYS[1], KEYS[2], ARGV[1] == '1'
local value = redis.call('GET', session)
if not value then return false end
local ends, idle, id = string.match(value, '^(%d+) (%d+) (.+)$')
local record = redis.call('HGET', tokens, id)
local expires = record and tonumber(string.match(record, '^%d+ (%d+)'))
local now = now_ms()
if not record or (expires > 0 and expires * 1000 <= now) then
  redis.call('DEL', session)
  return false
end
if touch then
  local left = math.min(tonumber(ends) - now, tonumber(idle))
  redis.call('PEXPIRE', session, string.format('%d', math.max(left, 1)))
end
return { ends, id, record }
