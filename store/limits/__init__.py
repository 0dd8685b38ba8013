"""Rate limits and circuit breakers, shared by all workers."""
