"""What all errors have in common whose text is written for a person."""


class ReportedError(Exception):
    """Its text is one sentence about what is wrong and what to do; commands print it, and end with 1."""
