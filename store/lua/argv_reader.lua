-- Reads ARGV from left to right, so that it can hold lists of any length.
local function reader(values, position)
  local at = position - 1
  return function()
    at = at + 1
    return values[at]
  end
end
