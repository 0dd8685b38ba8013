-- Marketing messages of a campaign that count against a person's cap: '<minute>:<message> ' each, in two
-- hashes, by even and odd periods as long as that of the cap: so they are kept for one to two periods.
-- Returns the number of others than `own` since a minute, the value without `own`, and whether it was in.
local function others_in(value, own, since)
  local n, kept, is_in = 0, '', false
  if not value then return n, kept, is_in end
  for minute, message in string.gmatch(value, '(%d+):(%S+)') do
    if message == own then
      is_in = true
    elseif tonumber(minute) > since then
      n, kept = n + 1, kept .. minute .. ':' .. message .. ' '
    end
  end
  return n, kept, is_in
end
