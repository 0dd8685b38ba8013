-- Keeps news of a person. A repeat keeps them twice.
-- KEYS: news (stream)
-- ARGV: the event as JSON
-- Returns: 1
-- include: clock, person_news
keep_news(KEYS[1], now_ms(), ARGV[1])
return 1
