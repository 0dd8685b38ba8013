-- Deletes one body from a stream. The other bodies of its entry become an entry of their own, at the
-- end.
-- KEYS: stream, its figures (for an inbox)
-- ARGV: id of the entry, position of the body in it, from 0
-- Returns: number of bodies deleted
local stream, figures, id, erased = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2])
local entry = redis.call('XRANGE', stream, id, id)[1]
if not entry then return 0 end
local fields = entry[2]
local sizes, rest, place, at = {}, {}, 0, 0
for size in string.gmatch(#fields == 4 and fields[2] or '', '%d+') do
  if place ~= erased then
    sizes[#sizes + 1], rest[#rest + 1] = size, string.sub(fields[4], at + 1, at + size)
  end
  place, at = place + 1, at + size
end
redis.call('XDEL', stream, id)
if #rest > 0 then
  redis.call('XADD', stream, '*', 'sizes', table.concat(sizes, ','), 'bodies', table.concat(rest))
end
if figures then redis.call('HINCRBY', figures, 'waiting', -1) end
return 1
