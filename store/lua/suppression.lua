-- The entries of a suppressed person: at most one per source, '<since, ms><source><purposes>',
-- concatenated (store/people/suppressions.py). No purposes stand for all of them.
local SOURCES = { 'o', 'i', 'r', 'b' }
local function entries_of(value)
  local entries = {}
  for since, source, purposes in string.gmatch(value or '', '(%d+)([oirb])([mua]*)') do
    entries[source] = { since = tonumber(since), purposes = purposes }
  end
  return entries
end
local function value_of(entries)
  local parts = {}
  for _, source in ipairs(SOURCES) do
    local one = entries[source]
    if one then parts[#parts + 1] = string.format('%.0f', one.since) .. source .. one.purposes end
  end
  return table.concat(parts)
end

-- Purposes that are in either set.
local function united(one, other)
  if one == '' or other == '' then return '' end
  local both = ''
  for letter in string.gmatch('mua', '.') do
    if string.find(one .. other, letter, 1, true) then both = both .. letter end
  end
  return both
end
-- Purposes stopped for a person; nil: none.
local function stopped_by(entries)
  local all
  for _, one in pairs(entries) do all = all and united(all, one.purposes) or one.purposes end
  return all
end
