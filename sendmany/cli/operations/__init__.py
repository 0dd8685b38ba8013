"""Commands for on-call people: doctor, breakers, tokens, webhooks."""
