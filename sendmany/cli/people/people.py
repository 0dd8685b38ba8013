"""Reads people for commands, from the command line or a file."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from dashboard.explain import count, several
from producer.files.people_list import People, PeopleFile
from sendmany.cli.recipients import recipient_of
from sendmany.console.output import say

Numbers = Annotated[
    list[str], typer.Argument(metavar="NUMBER…", help="Such as +442079460123, or user ids.")
]
MOST_TOLD = 20
"""Most lines that are reported one by one."""


def people_named(numbers: Sequence[str], region: str | None) -> list[str]:
    """The people given on the command line.

    Raises:
        InputError: one of them is neither a number nor a user id.
    """
    return [recipient_of(text, region) for text in numbers]


def people_in(file: PeopleFile) -> Iterator[People]:
    """The people in a file, chunk by chunk; invalid lines are reported as they come."""
    told = 0
    for chunk in file.read():
        for row in chunk.invalid_rows[: max(0, MOST_TOLD - told)]:
            number = f" ({row.number})" if row.number else ""
            say(f"Line {row.line}{number}: {row.reason}.")
        told += len(chunk.invalid_rows)
        yield chunk
    if told > MOST_TOLD:
        say(f"… and {several(told - MOST_TOLD, 'more line')} that cannot be used.")


def read_from(file: PeopleFile) -> str:
    """The columns that the numbers were read from, as a sentence."""
    columns = file.layout.sentence if file.has_header else "The file has no header row."
    return f"{file.text.sentence} {columns}".lstrip()


def columns_read(file: PeopleFile) -> dict[str, str | None]:
    """The columns as JSON."""
    layout = file.layout
    number = layout.number_column if file.has_header else None
    return {"number_column": number, "country_column": layout.country_column}


def these(n: int) -> str:
    """`1 person`, `2,000 people`."""
    return "1 person" if n == 1 else f"{count(n)} people"
