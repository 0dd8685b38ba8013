"""Options that several commands share."""

from collections.abc import Callable
from datetime import UTC, datetime
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from config.settings import Settings
from producer.errors import InputError
from store.client import Store
from store.lanes.lane import Lane, find_lane

if TYPE_CHECKING:
    from producer.layout import ReadOptions


def _known_region(text: str | None) -> str | None:
    """The region in capitals; raises InputError for an unknown one."""
    from producer.files.phone_numbers import is_region  # noqa: PLC0415 — for commands with files

    if text is None or is_region(text.upper()):
        return text and text.upper()
    raise InputError(f'"{text}" is no region: give two letters such as GB')


def lane_called(store: Store, name: str, sub_account: str | None) -> Lane:
    """The lane with this name or id, of this sub-account if given."""
    if sub_account is None:
        return find_lane(store, name)
    return find_lane(store, name, sub_account.__eq__)


def read_time(text: str) -> float | None:
    """A time as epoch seconds, UTC unless it names a zone; None for an empty text."""
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError as error:
        raise InputError(f'"{text}" is no time: write 2026-12-01 or 2026-12-01T10:00Z') from error
    return None if at is None else (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def takes_options_of(command: Callable[..., None], *without: str) -> Callable[[Any], Any]:
    """A decorator that gives a command with `**options` the parameters of another one, without those of
    its own."""

    def decorate(function: Any) -> Any:
        own, theirs = signature(function).parameters, signature(command).parameters
        all_ = {name: one for name, one in theirs.items() if name not in without} | dict(own)
        all_.pop("options")
        parameters = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in all_.values()]
        function.__signature__ = signature(function).replace(parameters=parameters)
        function.__annotations__ = {one.name: one.annotation for one in parameters}
        return function

    return decorate


def listed(words: str | None) -> list[str]:
    """Items of an option, separated by commas."""
    return [word.strip() for word in words.split(",")] if words else []


Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for programs.")]
SubAccount = Annotated[
    str | None,
    typer.Option(
        "--sub-account", metavar="ID", help="Which sub-account sends; needed if there are several."
    ),
]
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The campaign's name, or the id of its lane.")
]
Whose = Annotated[
    str | None,
    typer.Option("--sub-account", metavar="ID", help="Whose; needed if several have the name."),
]
Region = Annotated[
    str | None,
    typer.Option(
        "--region",
        metavar="GB",
        callback=_known_region,
        help="Country of numbers without a country code.",
    ),
]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="NAME=COLUMN",
        help="Which column `phone` is, or a {{name}} of the message; may be given again.",
    ),
]
At = Annotated[
    str,
    typer.Option(
        "--at", metavar="TIME", help='When it starts, such as "2026-12-24 09:00 Europe/London".'
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(min=0, max=10_000, metavar="N", help="Messages/s at most; 0: as its sub-account."),
]
Weight = Annotated[
    int | None,
    typer.Option(min=1, max=10, metavar="1..10", help="Its share beside other campaigns."),
]
Spread = Annotated[
    bool,
    typer.Option(
        "--spread", help="Evenly over what the tier of its portfolio lets it send in a day."
    ),
]
FinishBy = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help='By when it is finished, such as "18:00 Europe/London": sets the rate.'
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Of a text that is not UTF-8, such as windows-1252."),
]
Sheet = Annotated[
    str | None, typer.Option(metavar="NAME", help="Of a workbook in which several hold rows.")
]
CountryColumn = Annotated[
    str | None,
    typer.Option(
        "--country-column",
        metavar="COLUMN",
        help="Column of the country (name, letters or calling code), if its name is unusual.",
    ),
]


def read_options(settings: Settings, names: list[str] | None, **said: Any) -> "ReadOptions":
    """The reading options of a command; raises InputError."""
    from producer.layout import ReadOptions, read_map  # noqa: PLC0415 — for commands with files

    region = said.pop("region") or settings.default_region
    return ReadOptions(read_map(names or ()), region=region, **said)


Faults: TypeAlias = Literal["none", "mild", "wild", "ambiguous"]
Receipts: TypeAlias = Literal["none", "plain", "wild"]
