"""Base class of errors whose text is written for users."""


class ReportedError(Exception):
    """Its text is one sentence with the problem and the remedy; commands print it, and exit with 1."""
