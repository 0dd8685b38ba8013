"""Problems of a message, in words for its author.

The one error of this package:

    MessageError (a ValueError)   a message cannot be sent as it is; `problems` lists the reasons
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from chatapps.messages.base_model import RULE
from chatapps.messages.discriminator import UNKNOWN_KIND
from config.errors import ReportedError

MAX_PROBLEMS: Final = 100


class Problem(NamedTuple):
    """A broken rule and the path of the member that breaks it, such as `messages[2].content.url`."""

    path: str
    rule: str

    def __str__(self) -> str:
        return f"{self.path}: {self.rule}" if self.path else self.rule


class MessageError(ReportedError, ValueError):
    """A message that cannot be sent as it is. Holds rules and paths, never values."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        return "; ".join(map(str, self.problems))


def problems_of(error: ValidationError, *above: str | int) -> list[Problem]:
    """Translate pydantic's errors into our rules, with paths as in the JSON.

    Args:
        error: raised by validation.
        above: path of the validated object in the whole document.
    """
    details = [detail for detail in error.errors(include_url=False) if not _is_echo(detail)]
    problems = [_problem(above, detail) for detail in details[:MAX_PROBLEMS]]
    if len(details) > MAX_PROBLEMS:
        problems.append(Problem("", f"and {len(details) - MAX_PROBLEMS} more"))
    return problems


def path_to(steps: Iterable[str | int]) -> str:
    """`("messages", 2, "content")` → `messages[2].content`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.removeprefix(".")


def _problem(above: tuple[str | int, ...], detail: ErrorDetails) -> Problem:
    steps = [*above, *(step for step in detail["loc"] if not _is_tag(step))]
    if detail["type"] == UNKNOWN_KIND:
        return _unknown_kind(steps, detail)
    say = _WORDS.get(detail["type"])
    return Problem(path_to(steps), say(detail) if say else str(detail["msg"]))


def _is_tag(step: str | int) -> bool:
    """Pydantic's paths also name the chosen member of a union; ours are `<0>`, `<1>`, …"""
    return isinstance(step, str) and step.startswith("<")


def _is_echo(detail: ErrorDetails) -> bool:
    """Pydantic drops invalid items and may then report the list as too short."""
    return detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]


def _unknown_kind(steps: Sequence[str | int], detail: ErrorDetails) -> Problem:
    if not isinstance(detail["input"], dict):
        return Problem(path_to(steps), "must be an object")
    return Problem(path_to([*steps, detail["ctx"]["key"]]), detail["msg"])


def _too_long(detail: ErrorDetails) -> str:
    return f"at most {detail['ctx']['max_length']} characters, got {len(detail['input'])}"


def _too_short(detail: ErrorDetails) -> str:
    least = detail["ctx"]["min_length"]
    return "must not be empty" if least == 1 else f"at least {least} characters"


def _too_many(detail: ErrorDetails) -> str:
    return f"at most {detail['ctx']['max_length']}, got {detail['ctx']['actual_length']}"


def _too_few(detail: ErrorDetails) -> str:
    return f"at least {detail['ctx']['min_length']}, got {detail['ctx']['actual_length']}"


def _constant(words: str) -> Callable[[ErrorDetails], str]:
    return lambda _detail: words


_WORDS: Final[dict[str, Callable[[ErrorDetails], str]]] = {
    RULE: lambda detail: str(detail["msg"]),
    "missing": _constant("is required"),
    "string_type": _constant("must be a text"),
    "string_unicode": _constant("must be a text"),
    "string_too_long": _too_long,
    "string_too_short": _too_short,
    "too_long": _too_many,
    "too_short": _too_few,
    "int_type": _constant("must be a whole number"),
    "float_type": _constant("must be a number"),
    "finite_number": _constant("must be a finite number"),
    "bool_type": _constant("must be true or false"),
    "greater_than_equal": lambda detail: f"at least {detail['ctx']['ge']:g}",
    "less_than_equal": lambda detail: f"at most {detail['ctx']['le']:g}",
    "literal_error": lambda detail: f"must be {detail['ctx']['expected']}",
    "model_type": _constant("must be an object"),
    "dict_type": _constant("must be an object"),
    "tuple_type": _constant("must be a list"),
}
