-- Packed jobs are sections: '<n> <attempts> <base> <bytes>\n' .. lines .. '\n'
-- (store/records/job_section.py), with a fifth field when a worker has died holding these jobs: such a
-- section is claimed alone. It is 1, and for a single job it grows with each death. Attempts are text
-- here: '3', or '3.2' where their doubt is 2.
local function section_at(blob, position)
  local _, stop, n, attempts, base, bytes, deaths =
    string.find(blob, '^(%d+) ([%d.]+) (%w+) (%d+) ?(%d*)\n', position)
  return tonumber(n), attempts, base, tonumber(bytes), stop + 1, tonumber(deaths) or 0
end
local function section(n, attempts, base, lines, deaths)
  local head = n .. ' ' .. attempts .. ' ' .. base .. ' ' .. #lines
  return head .. (deaths and deaths > 0 and ' ' .. deaths or '') .. '\n' .. lines .. '\n'
end

-- The first k lines of a section, and its rest as a section of its own.
local function cut(blob, start, n, attempts, base, bytes, k, deaths)
  local stop = start - 1
  for _ = 1, k do stop = string.find(blob, '\n', stop + 1, true) end
  local rest_base = base == 'x' and base or tonumber(base) + k
  return section(k, attempts, base, string.sub(blob, start, stop - 1), deaths),
    section(n - k, attempts, rest_base, string.sub(blob, stop + 1, start + bytes - 1), deaths)
end

-- Number of jobs of a packed value from this position.
local function jobs_in(blob, position)
  local sum = 0
  while position <= #blob do
    local n, _, _, bytes, start = section_at(blob, position)
    sum, position = sum + n, start + bytes + 1
  end
  return sum
end
