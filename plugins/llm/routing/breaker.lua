-- The breaker of one model of one provider. KEYS[1] breaker; ARGV operation, failures that open it, ms it stays open,
-- ms a probe may take. Returns {1 when a call may go on, failures in a row, ms it stays open (-1 closed, 0 half open),
-- ms until a probe that is under way counts as lost}.
-- The rules are those of `_Local` in breaker.py, which stands in when Redis is away.
local operation, limit, pause, probe = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local state = redis.call('HMGET', KEYS[1], 'failures', 'open_until', 'probe_until')
local failures, open_until, probe_until = tonumber(state[1]) or 0, tonumber(state[2]), tonumber(state[3]) or 0
local admitted, changed = 0, false

if operation == 'admit' then
  if not open_until then
    admitted = 1
  elseif now >= open_until and now >= probe_until then
    admitted, probe_until, changed = 1, now + probe, true
  end
elseif operation == 'failed' then
  failures, changed = failures + 1, true
  if (open_until and now >= open_until) or (not open_until and failures >= limit) then
    open_until, probe_until = now + pause, 0
  end
elseif operation == 'released' then
  changed, probe_until = open_until ~= nil, 0
elseif operation == 'succeeded' and (not open_until or now >= open_until) then
  redis.call('DEL', KEYS[1])
  return {0, 0, -1, 0}
end

if changed then
  redis.call('HSET', KEYS[1], 'failures', failures, 'probe_until', probe_until)
  if open_until then redis.call('HSET', KEYS[1], 'open_until', open_until) end
  -- Failures that are long past say nothing about today.
  redis.call('PEXPIRE', KEYS[1], math.max(600000, 10 * pause))
end
return {admitted, failures, open_until and math.max(0, open_until - now) or -1, math.max(0, probe_until - now)}
