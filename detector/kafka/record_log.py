"""A topic of one partition that is written and followed at once; its order is the order of things.

Law: a write returns when its records are durable and were heard back, so that whoever wrote them
and everybody else has seen the same, in the same order.

Theory of operation: a consumer without a group reads partition 0 from its beginning; a producer
without idempotence writes, because a record that comes twice says the same twice. When the reading
fails it goes on where it was.

Known limit: a topic that is made again while the process runs is only seen after a restart.
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

HEARD_SECONDS = 15.0
"""How long a write waits to be heard back."""
_WAIT_MS = 100
_AT_ONCE = 2_000
_RETRY_SECONDS = 1.0

log = structlog.get_logger("detector.record_log")

RecordListener = Callable[[str, bytes | None], None]


class Written(Protocol):
    """A record to be written; ``None`` as value is a tombstone."""

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
        self._heard: RecordListener = _nothing
        self._next = 0
        self._end: int | None = None
        self._moved = asyncio.Condition()

    async def start(self, heard: RecordListener) -> None:
        """Tell every record to the end of the topic, then go on telling in the background."""
        self._heard = heard
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
        """Return when all records are durable and were heard; ``PublishError`` otherwise."""
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
            places = await asyncio.gather(*waiting)
            last = max(place.offset for place in places)
            async with asyncio.timeout(HEARD_SECONDS):
                await self._until(lambda: self._next > last)
        except TimeoutError as error:
            topic = self._only.topic
            raise PublishError(
                f"{topic}: written but not heard back in {HEARD_SECONDS:g} s"
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
                self._only, timeout_ms=2 * _WAIT_MS + _WAIT_MS // 2, max_records=_AT_ONCE
            )
            records = found.get(self._only, [])
            for record in records:
                self._tell(record.key, record.value)
            self._next = await consumer.position(self._only)
            # The end may be told too low (embedded broker), so nothing must be left to fetch too.
            if self._end is None and not records and self._next >= ends[self._only]:
                self._end = self._next
            async with self._moved:
                self._moved.notify_all()

    def _tell(self, key: bytes | None, value: bytes | None) -> None:
        with contextlib.suppress(UnicodeDecodeError):
            self._heard((key or b"").decode(), value)


def _nothing(_key: str, _value: bytes | None) -> None:
    """Hear nothing, as nobody listens yet."""
