"""What a look at something finds: how it stands, in words, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a thing stands."""

    OK = "ok"
    PROBLEM = "problem"
    NOTE = "note"  # could not be found out, or was left out; no reason to fail


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor."""

    name: str
    verdict: Verdict
    finding: str
    remedy: str = ""


def ok(name: str, finding: str) -> Check:
    """All is well."""
    return Check(name, Verdict.OK, finding)


def problem(name: str, finding: str, remedy: str) -> Check:
    """Something must be done."""
    return Check(name, Verdict.PROBLEM, finding, remedy)


def note(name: str, finding: str) -> Check:
    """Nobody can tell."""
    return Check(name, Verdict.NOTE, finding)
