"""The numbered placeholders of a template's texts: `{{1}}`, `{{2}}`, … (provider docs, add template).

Distinct from the `{{column}}` of a campaign's message, whose values fill them.
"""

import re
from collections.abc import Sequence
from typing import Final

_PLACEHOLDER: Final = re.compile(r"\{\{([^{}]*)\}\}")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")


def count_placeholders(text: str) -> int:
    """Number of values a registered text needs: a repeated one counts once, named ones count, too."""
    return len(set(_PLACEHOLDER.findall(text)))


def fill(text: str, samples: Sequence[str]) -> str:
    """The text with its placeholders replaced by samples; one without a sample stays."""

    def value(match: re.Match[str]) -> str:
        place = int(match[1]) if _NUMBER.fullmatch(match[1]) else 0
        return samples[place - 1] if 0 < place <= len(samples) else match[0]

    return _PLACEHOLDER.sub(value, text)


def flaw_of(text: str, samples: Sequence[str]) -> str | None:
    """The rule that the placeholders of a text break, or None."""
    names = list(dict.fromkeys(_PLACEHOLDER.findall(text)))
    return _spelling(text, names) or _gap(names) or _samples(len(names), len(samples))


def touches_an_end(text: str) -> bool:
    """True when a text starts or ends with a placeholder."""
    text = text.strip()
    return any(
        match.start() == 0 or match.end() == len(text) for match in _PLACEHOLDER.finditer(text)
    )


def ends_with_its_only(text: str) -> bool:
    """True when the text has no placeholder, or only `{{1}}` at the very end."""
    return count_placeholders(text) == 0 or (text.count("{{") == 1 and text.endswith("{{1}}"))


def _spelling(text: str, names: Sequence[str]) -> str | None:
    rest = _PLACEHOLDER.sub("", text)
    if "{{" in rest or "}}" in rest:
        return "has a placeholder with too few or too many braces: write {{1}}"
    odd = [name for name in names if not _NUMBER.fullmatch(name)]
    if odd:
        return "numbers its placeholders: write {{1}}, {{2}} and so on, without names or spaces"
    return None


def _gap(names: Sequence[str]) -> str | None:
    numbers = {int(name) for name in names}
    missing = next((n for n in range(1, len(numbers) + 1) if n not in numbers), None)
    if missing is None:
        return None
    return f"uses {{{{{max(numbers)}}}}} but not {{{{{missing}}}}}: count without gaps"


def _samples(needed: int, given: int) -> str | None:
    if needed == given:
        return None
    return f"needs a sample for each placeholder: {needed} wanted, got {given}"
