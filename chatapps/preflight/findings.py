"""What a check before the launch has found."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"  # the messages would be refused
    WARNING = "warning"  # worth a look, nothing more


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that speaks against a launch, in words for whoever wrote the message."""

    severity: Severity
    path: str  # such as content.template.components[1].parameters
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text


def error(path: str, text: str) -> Finding:
    """A finding that stops a launch."""
    return Finding(Severity.ERROR, path, text)


def warning(path: str, text: str) -> Finding:
    """A finding that does not."""
    return Finding(Severity.WARNING, path, text)
