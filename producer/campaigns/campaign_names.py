"""What a campaign may be called: it is shown in lists and at terminals."""

from typing import Final

LONGEST_NAME: Final = 100
RULE: Final = (
    f"A campaign's name is 1 to {LONGEST_NAME} printable characters, without blanks at its ends"
)


def is_name(text: str) -> bool:
    """Whether a campaign may be called this."""
    return 1 <= len(text) <= LONGEST_NAME and text.isprintable() and text == text.strip()
