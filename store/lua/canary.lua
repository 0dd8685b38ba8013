-- What waits for a campaign's canary are retry batches `c<first index>`, due in 2100 (store/lanes/lane.py).
local HELD_UNTIL = 4102444800000
local function holds_back(canary) return canary and canary ~= '' and canary ~= 'passed' end
