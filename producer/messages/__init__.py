"""Single messages of services: validation, enqueueing, write coalescing."""
