"""Reads partition 0 of a topic of one partition, without a consumer group.

Law: no group and no commit. A reader is at the end of the log only when a fetch was empty and the
position has reached the end offset that the broker reported before it.

Theory of operation: the end offset alone is not enough, because the embedded broker may report it
too low after a batch of several records. An empty fetch alone is not enough either, because a
broker may be slow.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from detector.core.finishing import finish

_FETCH_WAIT_MS = 100
# An empty poll proves something only if it outlasts the fetch before it and its own.
_POLL_MS = 2 * _FETCH_WAIT_MS + _FETCH_WAIT_MS // 2
_PAUSING_FETCH_SECONDS = 0.2


class PartitionReader:
    """Reads with ``consumer``, which needs no other assignment; call ``assign`` first.

    ``poll_ms`` is how long a fetch waits for records, ``max_records`` bounds what it returns.
    """

    def __init__(
        self,
        topic: str,
        consumer: AIOKafkaConsumer,
        *,
        poll_ms: int = _POLL_MS,
        max_records: int | None = None,
    ) -> None:
        self._only = TopicPartition(topic, 0)
        self._consumer = consumer
        self._poll_ms = poll_ms
        self._max_records = max_records

    def assign(self) -> None:
        """Assign the partition to the consumer, dropping what it had fetched."""
        self._consumer.assign([self._only])

    async def seek(self, offset: int | None) -> None:
        """Continue at ``offset``; ``None`` is the beginning of the log."""
        if offset is None:
            await self._consumer.seek_to_beginning(self._only)
        else:
            self._consumer.seek(self._only, offset)

    async def end(self) -> int:
        """Ask the broker for the end offset of the log."""
        ends: Mapping[TopicPartition, int] = await self._consumer.end_offsets([self._only])
        return ends[self._only]

    async def position(self) -> int:
        """Return the offset of the next record to fetch."""
        position: int = await self._consumer.position(self._only)
        return position

    async def fetch(self, poll_ms: int | None = None) -> Sequence[ConsumerRecord]:
        """Return the next records; none when none arrives within ``poll_ms``."""
        found = await self._consumer.getmany(
            self._only,
            timeout_ms=self._poll_ms if poll_ms is None else poll_ms,
            max_records=self._max_records,
        )
        records: Sequence[ConsumerRecord] = found.get(self._only, [])
        return records

    async def fetch_before(self, end: int) -> Sequence[ConsumerRecord] | None:
        """Return the next records; ``None`` when a fetch is empty and ``end`` is reached."""
        records = await self.fetch()
        return records if records or await self.position() < end else None


async def follow(
    topic: str,
    *,
    client: Mapping[str, Any],
    read: Callable[[PartitionReader], Awaitable[None]],
    on_error: Callable[[Exception], None],
    errors: type[Exception],
    retry_seconds: float,
    max_records: int | None = None,
) -> None:
    """Call ``read`` with an assigned reader; after one of ``errors`` retry with a new consumer.

    ``client`` holds aiokafka's settings. Runs until cancelled or until another error, which it
    raises.
    """
    while True:
        consumer = AIOKafkaConsumer(
            **{
                "group_id": None,
                "enable_auto_commit": False,
                "auto_offset_reset": "earliest",
                "fetch_max_wait_ms": _FETCH_WAIT_MS,
                **client,
            }
        )
        try:
            await consumer.start()
            reader = PartitionReader(topic, consumer, max_records=max_records)
            reader.assign()
            await read(reader)
        except errors as error:
            on_error(error)
        finally:
            await finish(close_consumer(consumer))
        await asyncio.sleep(retry_seconds)


async def close_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop ``consumer`` without leaving its connection open."""
    # Without a broker aiokafka lets the cancellation of its own pausing fetches escape from stop,
    # with the connection still open; paused fetches end by themselves first.
    consumer.pause(*consumer.assignment())
    await asyncio.sleep(_PAUSING_FETCH_SECONDS)
    await consumer.stop()
