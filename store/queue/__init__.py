"""A job's life in Redis: enqueue, claim, mark, settle; in doubt, recovery, dead letters."""
