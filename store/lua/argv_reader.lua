-- Reads ARGV from left to right, so that lists of any length can stand in it.
local function reader(values, position)
  local at = position - 1
  return function()
    at = at + 1
    return values[at]
  end
end
