"""A topic of one partition that is written and followed at once, with aiokafka.

Law: a write returns when its records were heard back in the order of the log; what was not durable
is never heard. The first failure of the follower is final: every later write raises it, and whoever
owns the topic stops.

Theory of operation: a consumer without a group reads partition 0 from its beginning to the end that
it had at the start, tells every record, and goes on in a task. A write sends its records and waits
until the follower stands behind the last of their offsets.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from detector.domain.errors import PublishError

Heard = Callable[[str, bytes | None], None]

LINGER_MS = 2
DELIVERY_SECONDS = 60.0
_POLL_MS = 200
_MAX_RECORDS = 2_000


class KeyedRecord(Protocol):
    """What is written: a key, a value or a tombstone, and headers."""

    @property
    def key(self) -> str:
        """Key of the record."""
        ...

    @property
    def value(self) -> bytes | None:
        """Its value; ``None`` is a tombstone."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Its headers."""
        ...


class FollowedTopic:
    """Partition 0 of ``topic``; ``client`` holds aiokafka's connection settings."""

    def __init__(self, topic: str, client: Mapping[str, Any], *, client_id: str) -> None:
        self._topic = topic
        self._place = TopicPartition(topic, 0)
        self._client = dict(client)
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None
        self._behind = 0
        self._moved = asyncio.Condition()
        self._failure: str = ""

    async def start(self, heard: Heard) -> None:
        """Tell every record that is there, then follow; ``PublishError`` without a broker."""
        try:
            self._consumer = AIOKafkaConsumer(
                **self._client,
                client_id=self._client_id,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_poll_records=_MAX_RECORDS,
            )
            await self._consumer.start()
            self._producer = AIOKafkaProducer(
                **self._client,
                client_id=self._client_id,
                acks="all",
                linger_ms=LINGER_MS,
                request_timeout_ms=int(DELIVERY_SECONDS * 1000),
            )
            await self._producer.start()
            self._consumer.assign([self._place])
            await self._consumer.seek_to_beginning(self._place)
            end = (await self._consumer.end_offsets([self._place]))[self._place]
            while await self._consumer.position(self._place) < end:
                await self._take(heard)
        except KafkaError as error:
            await self.stop()
            raise PublishError(f"cannot follow {self._topic!r}: {error!r}") from error
        self._task = asyncio.create_task(self._follow(heard), name=f"follow-{self._topic}")

    async def write(self, records: Sequence[KeyedRecord]) -> None:
        """Return when all records are durable and were heard; ``PublishError`` otherwise."""
        if self._producer is None:
            raise PublishError(f"cannot write to {self._topic!r}: it is not followed")
        try:
            sent = [
                await self._producer.send(
                    self._topic,
                    record.value,
                    key=record.key.encode(),
                    partition=0,
                    headers=list(record.headers),
                )
                for record in records
            ]
            places = await asyncio.gather(*sent)
        except KafkaError as error:
            raise PublishError(f"cannot write to {self._topic!r}: {error!r}") from error
        last = max((place.offset for place in places), default=-1)
        async with self._moved:
            await self._moved.wait_for(lambda: self._behind > last or self._failure)
        if self._failure:
            raise PublishError(f"cannot follow {self._topic!r}: {self._failure}")

    async def stop(self) -> None:
        """Stop following and disconnect."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for client in (self._producer, self._consumer):
            if client is not None:
                await client.stop()
        self._task = self._producer = self._consumer = None

    async def _follow(self, heard: Heard) -> None:
        try:
            while True:
                await self._take(heard)
        except Exception as error:  # noqa: BLE001 - told to every writer, who stops the process
            self._failure = repr(error)
        async with self._moved:
            self._moved.notify_all()

    async def _take(self, heard: Heard) -> None:
        assert self._consumer is not None  # noqa: S101 - only called between start and stop
        found = await self._consumer.getmany(self._place, timeout_ms=_POLL_MS)
        for record in found.get(self._place, ()):
            heard((record.key or b"").decode(errors="replace"), record.value)
        position = await self._consumer.position(self._place)
        if position > self._behind:
            async with self._moved:
                self._behind = position
                self._moved.notify_all()
