-- Events of a person for the outcome stream, in the shard of the person, for a week (store/people/events.py).
local KEPT_MS = 604800000
local function keep_person_event(events, now, body)
  redis.call('XADD', events, 'MINID', '~', string.format('%.0f', now - KEPT_MS), '*', 'body', body)
  redis.call('PEXPIRE', events, KEPT_MS)
end
