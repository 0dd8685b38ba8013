-- Looks for a recipient of a campaign, in so many thousands of its messages.
-- KEYS: meta (names the lane's shard)
-- ARGV: prefix of the numbers, messages a key of them holds, number (7 bytes) or '' for a long id,
--       prefix of long ids, long id, first bucket to look in, number of buckets
-- Returns: {index or -1, bucket to go on with or -1}
local numbers, per_key, number = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local ids, id, from, most = ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local WIDTH = 7

local function find_number(blob)
  local at = string.find(blob, number, 1, true)
  while at and (at - 1) % WIDTH ~= 0 do at = string.find(blob, number, at + 1, true) end
  return at and (at - 1) / WIDTH
end
local function find_id(bucket)
  local pairs_ = redis.call('HGETALL', ids .. bucket)
  for i = 2, #pairs_, 2 do
    if pairs_[i] == id then return tonumber(pairs_[i - 1]) % per_key end
  end
end
for bucket = from, from + most - 1 do
  local blob = redis.call('GET', numbers .. bucket)
  if not blob then return { -1, -1 } end
  local place = number ~= '' and find_number(blob) or number == '' and find_id(bucket)
  if place then return { bucket * per_key + place, -1 } end
end
return { -1, from + most }
