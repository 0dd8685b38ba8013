"""Errors that the commands and the processes of this package tell."""


class ProcessError(Exception):
    """A process could not be started or came to an early end; one sentence that says what to do."""
