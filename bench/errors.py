"""What can go wrong with a measurement."""


class BenchError(Exception):
    """The measurement cannot go on, or is worth nothing; one sentence that says why."""
