-- Gives a key of an older layout its new name.
-- KEYS: old name, new name
-- Returns: 1 when it was renamed; 0 when it is gone, or the new name is taken
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
return redis.call('RENAMENX', KEYS[1], KEYS[2])
