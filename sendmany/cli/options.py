"""Options that several commands share."""

from typing import Annotated, Literal, TypeAlias

import typer

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
Region = Annotated[
    str | None,
    typer.Option("--region", metavar="GB", help="Country of numbers without a country code."),
]
Faults: TypeAlias = Literal["none", "mild", "wild", "ambiguous"]
Receipts: TypeAlias = Literal["none", "plain", "wild"]
