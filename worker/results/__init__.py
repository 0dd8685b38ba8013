"""From provider responses to outcomes: classification, streaks of refusals."""
