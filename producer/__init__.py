"""The producer: single messages from services, campaigns from recipient files.

from producer import Producer Producer.from_settings().enqueue({"user": …, "type": "text", …},
key="order-1001")
"""

from producer.errors import BadPurpose, BadTiming
from producer.messages.producer import AsyncProducer, Enqueued, Item, KeyConflict, Producer
from store.lanes.lane import Priority
from store.purposes import Purpose

__all__ = [
    "AsyncProducer",
    "BadPurpose",
    "BadTiming",
    "Enqueued",
    "Item",
    "KeyConflict",
    "Priority",
    "Producer",
    "Purpose",
]
