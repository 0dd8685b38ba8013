-- Does one small write that no count depends on (a hint, a lease, a note), even when memory is full: a
-- plain command would be refused, and queued jobs would not be sent.
-- KEYS: the key
-- ARGV: command, what follows the key
-- Returns: the command's reply
return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))
