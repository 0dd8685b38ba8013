-- Packed jobs are sections: '<n> <attempts> <base> <bytes>\n' .. lines .. '\n' (store/packing.py).
local function section_at(blob, position)
  local _, stop, n, attempts, base, bytes =
    string.find(blob, '^(%d+) (%d+) (%w+) (%d+)\n', position)
  return tonumber(n), attempts, base, tonumber(bytes), stop + 1
end
local function section(n, attempts, base, lines)
  return n .. ' ' .. attempts .. ' ' .. base .. ' ' .. #lines .. '\n' .. lines .. '\n'
end
