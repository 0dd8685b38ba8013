-- Keeps a part of a draft's recipient file. The file vanishes unless a draft takes it in.
-- KEYS: parts of the file
-- ARGV: number of the part, its text (compressed), seconds until the file vanishes
-- Returns: nothing
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
