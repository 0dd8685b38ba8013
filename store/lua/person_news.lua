-- News of a person for the outcome stream, in the shard of the person, for a week (store/people/news.py).
local NEWS_MS = 604800000
local function keep_news(news, now, body)
  redis.call('XADD', news, 'MINID', '~', string.format('%.0f', now - NEWS_MS), '*', 'body', body)
  redis.call('PEXPIRE', news, NEWS_MS)
end
