"""Errors that the commands and the processes of this package tell."""

from config.errors import ReportedError


class ProcessError(ReportedError):
    """A process could not be started or came to an early end; one sentence that says what to do."""
