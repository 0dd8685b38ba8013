"""What all events of a webhook share."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec

from chatapps.webhooks.json_fields import write_moment

_BLANKS: Final[tuple[object, ...]] = (None, {}, [])


class WebhookEvent(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One thing the provider told us, in our own form whatever version it came in.

    `repr` ends up in logs and shows only what may be there: `shown` names those fields.
    """

    shown: ClassVar[tuple[str, ...]] = ()

    timestamp: int | None = None  # ms since 1970, by the provider; None if it told none we can read
    extra: Mapping[str, Any] = {}  # path → what we did not understand

    @property
    def kind(self) -> str:
        """Which webhook it came by: receipt, reply, business; other for what looks like none."""
        raise NotImplementedError

    def emit(self) -> dict[str, Any]:
        """What we understood, as plain JSON; members that say nothing are left out."""
        found: dict[str, Any] = {"kind": self.kind, **msgspec.to_builtins(self)}
        if self.timestamp is not None:
            found["time"] = write_moment(self.timestamp)
        return {name: _plain(value) for name, value in found.items() if value not in _BLANKS}

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.shown)
        return f"{type(self).__name__}({fields})"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
