"""Commands for operators: doctor, breakers, stops, tokens, webhooks."""
