"""The texts and samples of a template (provider docs, add template).

HTML entities are decoded: `&amp;` becomes `&`, because the provider expects the character itself.
"""

import html
import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from chatapps.messages.scalar_types import NonEmpty, Says

MAX_HEADER: Final = 60
MAX_BODY: Final = 1024
MAX_CARD_BODY: Final = 160
MAX_FOOTER: Final = 60
MAX_BUTTON_READ: Final = 25
"""Allowed by the provider's pages and examples; see `MAX_BUTTON_SENT`."""
MAX_BUTTON_SENT: Final = 20
"""Allowed by its schema, and so the most that is emitted."""
MAX_URL: Final = 2000

# Only whole entities: `?a=1&copy=2` is a link, not a copyright sign.
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_LIST_FORMS: Final = ("bodyText", "headerText", "headerHandle", "body_text", "header_text")


def unescape(value: Any) -> Any:
    """Decode HTML entities, however often the text was escaped."""
    if not isinstance(value, str):
        return value
    while (plain := _ENTITY.sub(lambda match: html.unescape(match[0]), value)) != value:
        value = plain
    return value


def join_samples(data: Any, member: str) -> Any:
    """The object with its samples under `member`, whichever of the provider's names it used.

    The provider calls them `example` or `examples`; its list of templates wraps them by kind
    (`{"bodyText": […]}`).
    """
    if not isinstance(data, dict) or not ({"example", "examples"} & data.keys()):
        return data
    given = [data[name] for name in ("examples", "example") if data.get(name) is not None]
    rest = {name: value for name, value in data.items() if name not in ("example", "examples")}
    return rest | {member: _unwrap(given[0])} if given else rest


def _unwrap(samples: Any) -> Any:
    if isinstance(samples, dict):
        found = [samples[name] for name in _LIST_FORMS if samples.get(name) is not None]
        samples = found[0] if found else samples
    if isinstance(samples, str):
        return [samples]
    nested = isinstance(samples, list) and len(samples) == 1 and isinstance(samples[0], list)
    return samples[0] if nested else samples


Unescaped = BeforeValidator(unescape)

HeaderText = Annotated[str, Field(min_length=1, max_length=MAX_HEADER), Unescaped]
BodyText = Annotated[str, Field(min_length=1, max_length=MAX_BODY), Unescaped]
CardText = Annotated[str, Field(min_length=1, max_length=MAX_CARD_BODY), Unescaped]
FooterText = Annotated[str, Field(min_length=1, max_length=MAX_FOOTER), Unescaped]
ButtonText = Annotated[str, Field(min_length=1, max_length=MAX_BUTTON_READ), Unescaped]
CouponCode = Annotated[str, Field(min_length=4, max_length=15), Unescaped]
Samples = tuple[Annotated[NonEmpty, Unescaped], ...]

# Not RFC 3986: `https://example.com/{{1}}` is invalid there, and is what the provider expects.
Link = Annotated[
    Annotated[str, Field(pattern=r"^(?i:https?)://\S+$"), Says("must be an http or https address")],
    Field(max_length=MAX_URL),
    Unescaped,
]
