"""Writes to a topic of one partition and follows it; the log defines the order of changes.

Law: a write returns when its records are durable and have been read back, so the writer and all
other readers see the same records in the same order.

Theory of operation: a consumer without a group reads partition 0 from its beginning. The producer
is not idempotent, because repeating a record changes nothing. After an error, reading resumes where
it stopped.

Known limit: a topic that is recreated while the process runs is noticed only after a restart.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from detector.core.errors import PublishError
from detector.core.finishing import finish

READ_BACK_SECONDS = 15.0
"""How long a write waits to read its records back."""
_WAIT_MS = 100
_MAX_RECORDS = 2_000
_RETRY_SECONDS = 1.0

log = structlog.get_logger("detector.record_log")

RecordListener = Callable[[str, bytes | None], None]


class Written(Protocol):
    """A record to write; ``None`` as value is a tombstone."""

    @property
    def key(self) -> str:
        """Key."""

    @property
    def value(self) -> bytes | None:
        """Value."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Headers."""


class KafkaRecordLog:
    """Follows ``topic`` from ``start`` to ``stop``; ``client`` holds aiokafka's settings."""

    def __init__(self, topic: str, *, client: Mapping[str, Any], client_id: str) -> None:
        self._only = TopicPartition(topic, 0)
        self._client = dict(client)
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None
        self._task: asyncio.Task[None] | None = None
        self._on_record: RecordListener = _ignore
        self._next = 0
        self._end: int | None = None
        self._moved = asyncio.Condition()

    async def start(self, on_record: RecordListener) -> None:
        """Return after ``on_record`` was called up to the end of the topic; then follow it."""
        self._on_record = on_record
        self._producer = AIOKafkaProducer(
            **self._client, client_id=self._client_id, acks="all", max_request_size=16_777_216
        )
        await self._producer.start()
        self._task = asyncio.create_task(self._follow(), name=f"follow {self._only.topic}")
        await self._until(lambda: self._end is not None and self._next >= self._end)

    async def stop(self) -> None:
        """Stop following and writing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def write(self, records: Sequence[Written]) -> None:
        """Return when all records are durable and read back; ``PublishError`` otherwise."""
        if not records:
            return
        if self._producer is None:
            raise PublishError(f"{self._only.topic} is not open for writing")
        try:
            waiting = [
                await self._producer.send(
                    self._only.topic,
                    key=record.key.encode(),
                    value=record.value,
                    partition=0,
                    headers=list(record.headers),
                )
                for record in records
            ]
            written = await asyncio.gather(*waiting)
            last = max(each.offset for each in written)
            async with asyncio.timeout(READ_BACK_SECONDS):
                await self._until(lambda: self._next > last)
        except TimeoutError as error:
            topic = self._only.topic
            raise PublishError(
                f"{topic}: written but not read back in {READ_BACK_SECONDS:g} s"
            ) from error
        except KafkaError as error:
            raise PublishError(f"{self._only.topic}: {error}") from error

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with self._moved:
            await self._moved.wait_for(condition)

    async def _follow(self) -> None:
        while True:
            consumer = AIOKafkaConsumer(
                **self._client,
                client_id=self._client_id,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=_WAIT_MS,
            )
            try:
                await consumer.start()
                await self._read(consumer)
            except KafkaError as error:
                log.warning("record_log_unread", topic=self._only.topic, error=str(error))
            finally:
                await finish(consumer.stop())
            await asyncio.sleep(_RETRY_SECONDS)

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        consumer.assign([self._only])
        if self._next:
            consumer.seek(self._only, self._next)
        else:
            await consumer.seek_to_beginning(self._only)
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets([self._only])
        while True:
            found = await consumer.getmany(
                self._only, timeout_ms=2 * _WAIT_MS + _WAIT_MS // 2, max_records=_MAX_RECORDS
            )
            records = found.get(self._only, [])
            for record in records:
                self._deliver(record.key, record.value)
            self._next = await consumer.position(self._only)
            # The embedded broker may report the end too low, so a fetch must be empty as well.
            if self._end is None and not records and self._next >= ends[self._only]:
                self._end = self._next
            async with self._moved:
                self._moved.notify_all()

    def _deliver(self, key: bytes | None, value: bytes | None) -> None:
        with contextlib.suppress(UnicodeDecodeError):
            self._on_record((key or b"").decode(), value)


def _ignore(_key: str, _value: bytes | None) -> None:
    """Stand in for the listener before ``start``."""
