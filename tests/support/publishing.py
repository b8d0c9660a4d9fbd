"""The ``RecordPublisher`` of tests: it keeps what is published, in memory."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from detector.core.errors import PublishError


class PublishedRecord(NamedTuple):
    """One published record; ``partition`` is ``None`` where the broker chooses by the key."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]
    partition: int | None


class MemoryPublisher:
    """Keeps published records in order.

    ``deliver`` is awaited before a record is kept: it may wait, check the record, pass it on, or
    raise to refuse it. After ``fail_after`` records every further one fails.
    """

    def __init__(
        self,
        deliver: Callable[[PublishedRecord], Awaitable[None]] | None = None,
        *,
        fail_after: int | None = None,
    ) -> None:
        self.records: list[PublishedRecord] = []
        self._deliver = deliver
        self._fail_after = fail_after

    async def publish(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> None:
        if len(self.records) == self._fail_after:
            raise PublishError("the broker is gone")
        record = PublishedRecord(topic, key, value, dict(headers), partition)
        if self._deliver is not None:
            await self._deliver(record)
        self.records.append(record)

    def of(self, topic: str) -> list[PublishedRecord]:
        """Return the records of one topic."""
        return [record for record in self.records if record.topic == topic]

    def values(self, topic: str) -> list[bytes]:
        """Return the values of one topic's records."""
        return [record.value or b"" for record in self.of(topic)]
