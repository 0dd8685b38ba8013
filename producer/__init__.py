"""The producer: single messages from services, campaigns from recipient files.

from producer import Producer
Producer.from_settings().enqueue({"user": …, "type": "text", …}, key="order-1001")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from producer.errors import BadPurpose, BadTag, BadTiming, KeyConflict
    from producer.messages.producer import AsyncProducer, Enqueued, Item, Producer
    from store.lanes.lane import Priority
    from store.purposes import Purpose

__all__ = [
    "AsyncProducer",
    "BadPurpose",
    "BadTag",
    "BadTiming",
    "Enqueued",
    "Item",
    "KeyConflict",
    "Priority",
    "Producer",
    "Purpose",
]
_PLACES = {
    "BadPurpose": "producer.errors",
    "BadTag": "producer.errors",
    "BadTiming": "producer.errors",
    "KeyConflict": "producer.errors",
    "Priority": "store.lanes.lane",
    "Purpose": "store.purposes",
}


def __getattr__(name: str) -> Any:
    """Import lazily: commands that use a part of this package do not load all of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES.get(name, "producer.messages.producer")), name)
