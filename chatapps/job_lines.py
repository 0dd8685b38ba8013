"""The line in which a job waits: who gets it, and the values or the message that are theirs.

A campaign's line is `<recipient>\\t<value>\\t<value>…`; each value is the inside of a JSON string
already, so that it holds neither a raw tab nor a newline. The line of a single message is
`<recipient>\\t<message>`, the message as compact JSON without `clientMessageId`; where it expires, a
tab and the moment follow, in s since 1970. A recipient is the digits of an E.164 number without `+`,
or a business-scoped user id such as `GB.1349120865530274`.
"""

from collections.abc import Iterable

from msgspec.json import encode


def escape_value(text: str) -> bytes:
    """`text` as the inside of a JSON string, in UTF-8; raises ValueError on a lone surrogate."""
    return encode(text)[1:-1]


def pack_line(recipient: str, values: Iterable[str]) -> bytes:
    """The line of a campaign's job, `values` in the order of `CompiledContent.columns`.

    Raises ValueError on a lone surrogate.
    """
    return b"\t".join([recipient.encode(), *map(escape_value, values)])
