-- Keeps a response, and makes room for it in the index.
--
-- KEYS: the response, the index of its key, the keys of its URI, one for each of its tags.
-- ARGV: its key, what selects it, the response, seconds that it is kept, seconds that the rest is,
-- microseconds now, what the index says of it, how many the index may have, its tags.
--
-- Answers with what selected the responses that are not in the index any more.
local key, selection, response = ARGV[1], ARGV[2], ARGV[3]
local seconds, longest, now, most = ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[8])

-- What was not listed was not found by who invalidated it meanwhile: it is not to come back.
local lost = redis.call('SADD', KEYS[3], key) == 1
redis.call('EXPIRE', KEYS[3], longest)
local lost_tags = {}
for n = 4, #KEYS do
  if redis.call('SADD', KEYS[n], key) == 1 then
    table.insert(lost_tags, '\0' .. ARGV[n + 5] .. '\0')
  end
  redis.call('EXPIRE', KEYS[n], longest)
end

local kept, gone = {}, {}
local index = redis.call('HGETALL', KEYS[2])
for n = 1, #index, 2 do
  local field, said = index[n], index[n + 1]
  if field ~= selection then
    local put, till = string.match(said, '^(%d+) (%d+)')
    local is_gone = lost or not put or tonumber(till) <= now
    for _, tag in ipairs(lost_tags) do
      is_gone = is_gone or string.find(said, tag, 1, true)
    end
    if is_gone then
      table.insert(gone, field)
    else
      table.insert(kept, { tonumber(put), field })
    end
  end
end
table.sort(kept, function(a, b) return a[1] > b[1] end)
for n = most, #kept do
  table.insert(gone, kept[n][2])
end
for _, field in ipairs(gone) do
  redis.call('HDEL', KEYS[2], field)
end

redis.call('SET', KEYS[1], response, 'EX', seconds)
redis.call('HSET', KEYS[2], selection, ARGV[7])
redis.call('EXPIRE', KEYS[2], longest)
return gone
