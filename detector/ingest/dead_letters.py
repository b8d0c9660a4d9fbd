"""Dead letters: an unreadable record byte for byte, with headers that say where and why.

Header names are those that Kafka Streams standardised (KIP-1034), which consoles know;
``detector.reason`` is from the closed list. Headers of the original stay in front of ours. No log
line ever carries the payload.
"""

from dataclasses import dataclass
from typing import Any

from detector.logs.events import Unreadable


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record for the dead-letter topic."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def dead_letter(message: Any, unreadable: Unreadable, *, topic: str, partition: int) -> DeadLetter:
    """Wrap ``message`` (a consumed Kafka message) as it came."""
    told = {
        "__streams.errors.topic": topic,
        "__streams.errors.partition": str(partition),
        "__streams.errors.offset": str(message.offset()),
        "__streams.errors.exception": "detector.Unreadable",
        "__streams.errors.message": unreadable.message,
        "detector.reason": unreadable.reason.value,
    }
    original = tuple((name, value) for name, value in message.headers() or ())
    ours = tuple((name, text.encode()) for name, text in told.items())
    return DeadLetter(message.key(), message.value(), original + ours)
