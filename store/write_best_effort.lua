-- Does one small write that no count depends on (a hint, a lease, a note), whatever memory there is: as a
-- plain command it would be refused when memory is full, and what waits would not go out.
-- KEYS: the key
-- ARGV: command, what follows the key
-- Returns: the command's reply
return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))
