"""A finding of a check: verdict, text and remedy."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Verdict of a check."""

    OK = "ok"
    PROBLEM = "problem"
    NOTE = "note"  # unknown or skipped; no failure


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor."""

    name: str
    verdict: Verdict
    finding: str
    remedy: str = ""


def ok(name: str, finding: str) -> Check:
    """A good finding."""
    return Check(name, Verdict.OK, finding)


def problem(name: str, finding: str, remedy: str) -> Check:
    """A finding that needs action."""
    return Check(name, Verdict.PROBLEM, finding, remedy)


def note(name: str, finding: str) -> Check:
    """A finding without a verdict."""
    return Check(name, Verdict.NOTE, finding)
