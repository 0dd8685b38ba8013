"""Findings of the checks before a launch."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Severity of a finding."""

    ERROR = "error"  # the messages would be refused
    WARNING = "warning"  # should be reviewed


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding, in words for the author of the message."""

    severity: Severity
    path: str  # such as content.template.components[1].parameters
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text


def error(path: str, text: str) -> Finding:
    """A finding that stops a launch."""
    return Finding(Severity.ERROR, path, text)


def warning(path: str, text: str) -> Finding:
    """A finding that does not stop a launch."""
    return Finding(Severity.WARNING, path, text)
