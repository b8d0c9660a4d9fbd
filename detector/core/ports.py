"""What the use cases need from the outside world, as protocols."""

from collections.abc import Sequence
from typing import Protocol


class RecordPublisher(Protocol):
    """Publishes records durably."""

    async def publish(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> None:
        """Publish one record and return once the broker has it (acks=all); raise otherwise."""
        ...


class StateStore(Protocol):
    """Small durable records, one per key, stored by partition (a changelog table)."""

    def load(self, partition: int, key: str) -> bytes | None:
        """Return the newest record as recovered at assignment, ``None`` if there is none."""
        ...

    async def save(self, partition: int, key: str, record: bytes) -> None:
        """Write a record and return once it is durable."""
        ...


class Timer(Protocol):
    """A monotonic clock in seconds from an arbitrary start, to measure durations."""

    def __call__(self) -> float:
        """Read the timer."""
        ...
