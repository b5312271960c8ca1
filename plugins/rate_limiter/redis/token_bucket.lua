-- A bucket of `limit` tokens that refills evenly over `window` seconds. Takes `take` tokens when there are enough.
-- KEYS[1] bucket; ARGV limit, window in seconds, take. Returns {1 or 0, tokens left, ms until one more is there}.
local limit, window, take = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local state = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(state[1]) or limit, tonumber(state[2]) or now

-- A clock that was set back must not take tokens away.
tokens = math.min(limit, tokens + math.max(0, now - at) * limit / window)
local allowed = tokens >= take
if take > 0 then
  if allowed then tokens = tokens - take end
  redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.6f', now))
  -- After a whole window the bucket is full, which is what an absent one means.
  redis.call('PEXPIRE', KEYS[1], math.ceil(window * 1000))
end
local wait = 0
if not allowed then wait = math.ceil((take - tokens) * window / limit * 1000) end
return {allowed and 1 or 0, math.floor(tokens), wait}
