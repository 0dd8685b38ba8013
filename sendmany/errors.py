"""Errors of this package's commands and processes."""

from config.errors import ReportedError


class ProcessError(ReportedError):
    """A process could not be started or ended early; one sentence that says what to do."""
