-- Counts the bytes of a draft's files against the limits of its sub-account.
-- KEYS: files of the sub-account's drafts
-- ARGV: draft, seconds until the entries lapse, most bytes and drafts of a sub-account, then for each
--       file: id, bytes
-- Returns: {'ok', or the limit that is in the way: 'bytes', 'drafts'; now in ms}
-- include: clock
local files, draft, seconds = KEYS[1], ARGV[1], tonumber(ARGV[2])
local most_bytes, most_drafts = tonumber(ARGV[3]), tonumber(ARGV[4])
local call, now = redis.call, now_ms()
local ours, drafts, n, bytes = {}, { [draft] = true }, 1, 0
for i = 5, #ARGV, 2 do
  ours[ARGV[i]] = true
  bytes = bytes + tonumber(ARGV[i + 1])
end
local all = call('HGETALL', files)
for i = 1, #all, 2 do
  local of, size, lapses = all[i + 1]:match('^(%S+) (%d+) (%d+)$')
  if tonumber(lapses) <= now then
    call('HDEL', files, all[i])
  elseif not ours[all[i]] then
    bytes = bytes + tonumber(size)
    if not drafts[of] then drafts[of], n = true, n + 1 end
  end
end
if n > most_drafts then return { 'drafts', now } end
if bytes > most_bytes then return { 'bytes', now } end
for i = 5, #ARGV, 2 do
  call('HSET', files, ARGV[i], draft .. ' ' .. ARGV[i + 1] .. ' ' .. string.format('%d', now + seconds * 1000))
end
return { 'ok', now }
