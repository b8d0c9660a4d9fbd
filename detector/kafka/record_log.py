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
from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError

from detector.core.errors import PublishError
from detector.kafka.partition_reader import PartitionReader, follow

READ_BACK_SECONDS = 15.0
"""How long a write waits to read its records back."""
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
        self._topic = topic
        self._client = dict(client)
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None
        self._task: asyncio.Task[None] | None = None
        self._on_record: RecordListener = _ignore
        self._next = 0
        self._caught_up = False
        self._moved = asyncio.Condition()

    async def start(self, on_record: RecordListener) -> None:
        """Return after ``on_record`` was called up to the end of the topic; then follow it."""
        self._on_record = on_record
        self._producer = AIOKafkaProducer(
            **self._client, client_id=self._client_id, acks="all", max_request_size=16_777_216
        )
        await self._producer.start()
        following = follow(
            self._topic,
            client={**self._client, "client_id": self._client_id},
            read=self._read,
            on_error=self._on_error,
            errors=KafkaError,
            retry_seconds=_RETRY_SECONDS,
            max_records=_MAX_RECORDS,
        )
        self._task = asyncio.create_task(following, name=f"follow {self._topic}")
        await self._until(lambda: self._caught_up)

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
            raise PublishError(f"{self._topic} is not open for writing")
        try:
            waiting = [
                await self._producer.send(
                    self._topic,
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
            topic = self._topic
            raise PublishError(
                f"{topic}: written but not read back in {READ_BACK_SECONDS:g} s"
            ) from error
        except KafkaError as error:
            raise PublishError(f"{self._topic}: {error}") from error

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with self._moved:
            await self._moved.wait_for(condition)

    def _on_error(self, error: Exception) -> None:
        log.warning("record_log_unread", topic=self._topic, error=str(error))

    async def _read(self, reader: PartitionReader) -> None:
        await reader.seek(self._next or None)
        end = await reader.end()
        while (records := await reader.fetch_before(end)) is not None:
            await self._apply(reader, records)
        self._caught_up = True
        await self._apply(reader, ())
        while True:
            await self._apply(reader, await reader.fetch())

    async def _apply(self, reader: PartitionReader, records: Sequence[ConsumerRecord]) -> None:
        for record in records:
            self._deliver(record.key, record.value)
        self._next = await reader.position()
        async with self._moved:
            self._moved.notify_all()

    def _deliver(self, key: bytes | None, value: bytes | None) -> None:
        with contextlib.suppress(UnicodeDecodeError):
            self._on_record((key or b"").decode(), value)


def _ignore(_key: str, _value: bytes | None) -> None:
    """Stand in for the listener before ``start``."""
