-- Keeps an event of a person. A repeat keeps it twice.
-- KEYS: events (stream)
-- ARGV: the event as JSON
-- Returns: 1
-- include: clock, person_events
keep_person_event(KEYS[1], now_ms(), ARGV[1])
return 1
