"""Base class of webhook events."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec

from chatapps.webhooks.json_fields import write_moment

_BLANKS: Final[tuple[object, ...]] = (None, {}, [])


class WebhookEvent(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One event, in a form that does not depend on the webhook's version.

    `repr` ends up in logs and shows only the fields in `shown`.
    """

    shown: ClassVar[tuple[str, ...]] = ()

    timestamp: int | None = None  # ms since 1970, by the provider; None if missing or unreadable
    extra: Mapping[str, Any] = {}  # path → member that was not understood

    @property
    def kind(self) -> str:
        """The webhook it came by: receipt, reply, business; other when unknown."""
        raise NotImplementedError

    def emit(self) -> dict[str, Any]:
        """The event as plain JSON; empty members are left out."""
        found: dict[str, Any] = {"kind": self.kind, **msgspec.to_builtins(self)}
        if self.timestamp is not None:
            found["time"] = write_moment(self.timestamp)
        return {name: _plain(value) for name, value in found.items() if value not in _BLANKS}

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.shown)
        return f"{type(self).__name__}({fields})"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
