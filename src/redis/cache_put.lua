-- Keeps a response, and makes room for it in the index.
--
-- KEYS: the response, the index of its key, the keys of its URI, one for each of its tags.
-- ARGV: its key, what selects it, the response, seconds that it is kept, microseconds now, microseconds until
-- when it is kept, what the index says of it, how many the index may have, its tags.
--
-- Answers with what selected the responses that are not in the index any more.
local key, selection, response, seconds = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local now, till, most = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[8])

-- What lists others stays for as long as the longest of them.
local function extend(name)
  if redis.call('TTL', name) < seconds then
    redis.call('EXPIRE', name, seconds)
  end
end

-- Lists the key for as long as something of it is kept, and none that is of the past. Says whether it was not
-- listed: what it had was not found by who invalidated it meanwhile, and is not to come back.
local function list(name)
  redis.call('ZREMRANGEBYSCORE', name, '-inf', now)
  local before = redis.call('ZSCORE', name, key)
  if not before or tonumber(before) < till then
    redis.call('ZADD', name, ARGV[6], key)
  end
  extend(name)
  return not before
end

local lost = list(KEYS[3])
local lost_tags = {}
for n = 4, #KEYS do
  if list(KEYS[n]) then
    table.insert(lost_tags, '\0' .. ARGV[n + 5] .. '\0')
  end
end

local kept, gone = {}, {}
local index = redis.call('HGETALL', KEYS[2])
for n = 1, #index, 2 do
  local field, said = index[n], index[n + 1]
  if field ~= selection then
    local put, its = string.match(said, '^(%d+) (%d+)')
    local is_gone = lost or not put or tonumber(its) <= now
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
extend(KEYS[2])
return gone
