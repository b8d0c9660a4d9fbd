"""What the use cases need of the outside world, as protocols."""

from collections.abc import Sequence
from typing import Protocol


class RecordPublisher(Protocol):
    """Puts one record on a topic and returns when the broker has it (acks=all).

    Raises when it has not.
    """

    async def publish(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> None:
        """Publish durably."""
        ...


class StateStore(Protocol):
    """Small durable records, one per key, kept with their partition (a changelog table)."""

    def load(self, partition: int, key: str) -> bytes | None:
        """Return the newest record as recovered at assignment, ``None`` when there is none."""
        ...

    async def save(self, partition: int, key: str, record: bytes) -> None:
        """Write a record and return when it is durable."""
        ...


class Timer(Protocol):
    """Seconds from an arbitrary beginning, for measuring how long something took."""

    def __call__(self) -> float:
        """Read the timer."""
        ...
