-- Links a retry with its campaign. One child at a time is loaded, so that no two of them take the same
-- people. A repeat changes nothing.
-- KEYS: meta of the parent
-- ARGV: child, child whose loading is over ('' = none)
-- Returns: the child that may be loaded now; '' if the parent is gone
local meta, child, instead_of = KEYS[1], ARGV[1], ARGV[2]
local is = redis.call('HMGET', meta, 'status', 'loading_child', 'children')
if not is[1] then return '' end
if is[2] == child then return child end
if is[2] and is[2] ~= instead_of then return is[2] end
local children = cjson.decode(is[3] or '[]')
local known = false
for _, one in ipairs(children) do known = known or one == child end
if not known then children[#children + 1] = child end
redis.call('HSET', meta, 'loading_child', child, 'children', cjson.encode(children))
return child
