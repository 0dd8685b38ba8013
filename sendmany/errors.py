"""Errors of this package's commands and processes."""


class ProcessError(Exception):
    """A process could not be started or ended early; one sentence that says what to do."""
