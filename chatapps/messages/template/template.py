"""A registered WhatsApp template with values for its placeholders (provider docs, templates)."""

from collections.abc import Sequence
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from chatapps.messages.base_model import Wire, refuse
from chatapps.messages.discriminator import OneOf
from chatapps.messages.template.buttons import MOST, Button, ButtonComponent, index_twice
from chatapps.messages.template.cards import CarouselComponent
from chatapps.messages.template.components import (
    BodyComponent,
    CallPermissionComponent,
    ContactInfoComponent,
    FooterComponent,
    HeaderComponent,
)

Component = Annotated[
    HeaderComponent
    | BodyComponent
    | Button
    | FooterComponent
    | CarouselComponent
    | CallPermissionComponent
    | ContactInfoComponent,
    OneOf("type", default="body"),
]

_MOST: Final[dict[type[Wire], tuple[int, str]]] = {
    HeaderComponent: (1, "header"),
    BodyComponent: (1, "body"),
    FooterComponent: (1, "footer"),
    CarouselComponent: (1, "carousel"),
    **MOST,
}


class Template(Wire):
    """Name, language and values of a template.

    Only components that need values are listed, in any order.
    """

    name: Annotated[str, Field(min_length=1, max_length=512)]  # of Zalo: the numeric template id
    language: Annotated[str, Field(min_length=1)]
    components: tuple[Component, ...] | None = None

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        parts = self.components or ()
        if len(parts) > 1:
            if index_twice([part for part in parts if isinstance(part, ButtonComponent)]):
                raise refuse("two buttons have the same index", "components")
            if len(set(map(type, parts))) < len(parts):
                _count_kinds(parts)
        return self


def _count_kinds(parts: Sequence[Wire]) -> None:
    for kind, (most, name) in _MOST.items():
        got = sum(type(part) is kind for part in parts)
        if got > most:
            raise refuse(f"at most {most} {name}, got {got}", "components")
