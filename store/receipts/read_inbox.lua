-- Takes new entries off the inbox for one consumer: they are pending until it acknowledges them. Creates
-- the stream and its group if missing.
-- KEYS: inbox
-- ARGV: group, consumer, most
-- Returns: id, sizes of the bodies, bodies, id … oldest first
-- include: inbox
local inbox = KEYS[1]
local group, consumer, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
ensure_group(inbox, group)
return gather(most, '>', function(count) return read_group(inbox, group, consumer, count, '>') end)
