-- Progress for metrics: messages that were sent after all, are delivered now, are read now, then those that are
-- undelivered now: a code, their number …
local SENT_RANK, DELIVERED, READ = RANK[string.byte('a')], RANK[string.byte('d')], RANK[string.byte('r')]
local UNDELIVERED, sent, delivered, read, undelivered = RANK[string.byte('n')], 0, 0, 0, {}

-- Counts how far a message has come. One whose job exists is sent when the job ends.
local function note_progress(new, rank, before, ended)
  if ended and before < SENT_RANK and rank >= SENT_RANK then sent = sent + 1 end
  if before < DELIVERED and rank >= DELIVERED then delivered = delivered + 1 end
  if rank == READ then read = read + 1 end
  if rank == UNDELIVERED then
    local high, low = string.byte(new, 4, 5)
    local code = high * 256 + low
    undelivered[code] = (undelivered[code] or 0) + 1
  end
end
local function progress_noted()
  local found = { sent, delivered, read }
  for code, n in pairs(undelivered) do found[#found + 1], found[#found + 2] = code, n end
  return found
end
