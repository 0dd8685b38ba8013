-- Signals of a sub-account (store/limits/signals.py): updates by posting time, time, code, and whether they
-- are the first ones since the provider accepted the message.
local SENT, signals = RANK[string.byte('s')], {}
local function note_signal(new, old, mark, was)
  local posted, is_first = string.sub(old, 6, 9), RANK[was] < SENT and RANK[mark] >= SENT
  local code = string.sub(new, 4, 5)
  if not is_first and code == '\0\0' then return end
  if posted == '' then posted = '\0\0\0\0' end
  local what = posted .. string.sub(new, 10, 13) .. code .. (is_first and '\1' or '\0')
  signals[what] = (signals[what] or 0) + 1
end
-- Keys and numbers of the signals, in turn.
local function signals_noted()
  local told = {}
  for what, n in pairs(signals) do told[#told + 1], told[#told + 2] = what, n end
  return told
end
