"""Errors of a measurement."""


class BenchError(Exception):
    """The measurement cannot continue or is invalid; one sentence with the reason."""
