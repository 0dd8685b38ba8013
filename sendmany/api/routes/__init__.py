"""The routes of the producer: factories that the composition root calls."""
