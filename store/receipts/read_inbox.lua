-- Takes new entries off the inbox for one consumer: they are pending until it acknowledges them. Creates
-- the stream and its group if missing.
-- KEYS: inbox
-- ARGV: group, consumer, most
-- Returns: id, body, id, body … oldest first
-- include: inbox
local inbox = KEYS[1]
local group, consumer, most = ARGV[1], ARGV[2], ARGV[3]
ensure_group(inbox, group)
local reply = redis.call(
  'XREADGROUP', 'GROUP', group, consumer, 'COUNT', most, 'STREAMS', inbox, '>')
if not reply or #reply == 0 then return {} end
return flat(reply[2] or reply[1][2]) -- fakeredis leaves out the list of streams
