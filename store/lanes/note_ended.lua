-- Records the ends of requests.
-- KEYS: limiter, requests, breakers
-- ARGV: the ends (include/requests.lua)
-- Returns: 1
-- include: clock, breaker, requests
note_ended(KEYS[1], KEYS[2], KEYS[3], ARGV[1], now_ms())
return 1
