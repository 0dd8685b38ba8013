-- Takes in how requests have ended.
-- KEYS: limiter, requests, breakers
-- ARGV: how they have ended (include/requests.lua)
-- Returns: 1
-- include: clock, breaker, requests
note_ended(KEYS[1], KEYS[2], KEYS[3], ARGV[1], now_ms())
return 1
