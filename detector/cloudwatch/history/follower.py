"""Copies the reports topic into the history, continuing at the offsets in the file.

Law: no consumer group and no commit to Kafka. The offsets are written to the file in the same
transaction as the rows; after any failure, reading resumes at the offsets committed there.

Known limit: if the offset in the file is beyond the end of the log, the partition is read from its
beginning, and reports that the file already has count as duplicates.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from detector.cloudwatch.history.batch import Applied, Fetched
from detector.cloudwatch.history.database import StoreError
from detector.cloudwatch.history.store import ReportStore
from detector.cloudwatch.metrics.closed_windows import ClosedWindow, SlideGatherer
from detector.core.finishing import finish
from detector.core.notices import HistoryTroubled, NoticeListener, ReportsKept
from detector.core.vocabulary import HistoryTrouble

_RECORDS_AT_ONCE: Final = 2_000
_WAIT_MS: Final = 100
_RETRY_SECONDS: Final = 1.0
_TRIM_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """The topic, and aiokafka's ``client`` arguments.

    Only windows that ended after ``windows_from_ms`` (epoch milliseconds) are passed to
    ``on_window``; all are stored.
    """

    topic: str
    client: Mapping[str, Any]
    windows_from_ms: int = 0


class ReportReader:
    """Reads in its own task between ``start`` and ``stop``.

    ``now`` returns epoch seconds. ``on_window`` is called in the event loop with each window once
    all its reports were read, in order within a partition; it must be quick and must not raise.
    """

    def __init__(
        self,
        store: ReportStore,
        settings: HistorySettings,
        *,
        now: Callable[[], float],
        notify: NoticeListener,
        on_window: Callable[[ClosedWindow], None] = lambda _window: None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._now = now
        self._notify = notify
        self._on_window = on_window
        self._gatherer = SlideGatherer()
        self._caught_up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._trimmed_at = 0.0
        self._resume()

    def _resume(self) -> None:
        for part, through_ms in self._store.complete_until_ms.items():
            self._gatherer.resume(part, through_ms)

    def through_ms(self, part: int) -> int:
        """Return the end of the newest window of a partition whose reports were all read."""
        return self._gatherer.through_ms(part)

    async def start(self) -> None:
        """Start to follow the topic; returns at once."""
        self._task = asyncio.create_task(self._follow(), name="report-follower")

    async def stop(self) -> None:
        """Stop following; the store stays open."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def wait_caught_up(self, timeout_seconds: float) -> bool:
        """Wait until all records present at the start are stored; return whether they are."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._caught_up.wait()
        return self._caught_up.is_set()

    async def _follow(self) -> None:
        while True:
            try:
                async with _consumer(self._settings) as consumer:
                    await self._read(consumer)
            except StoreError as error:
                self._notify(HistoryTroubled(HistoryTrouble.FILE_FAILED, str(error)))
                await self._recover()
            except Exception as error:  # noqa: BLE001 - reading is retried after any failure
                reason = f"{type(error).__name__}: {error}"
                self._notify(HistoryTroubled(HistoryTrouble.TOPIC_UNREAD, reason))
            await asyncio.sleep(_RETRY_SECONDS)

    async def _recover(self) -> None:
        try:
            await asyncio.to_thread(self._store.reopen)
        except StoreError as error:
            self._notify(HistoryTroubled(HistoryTrouble.FILE_FAILED, str(error)))

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        ends = await _seek(consumer, self._store.offsets)
        while True:
            records = await _fetch(consumer)
            if records:
                now_ms = int(self._now() * 1000)
                applied = await asyncio.to_thread(self._store.apply, records, now_ms)
                self._publish(applied)
            elif not self._caught_up.is_set() and await _is_past(consumer, ends):
                self._caught_up.set()
            await self._trim()

    def _publish(self, applied: Applied) -> None:
        for result, count in applied.results.items():
            self._notify(ReportsKept(result, count))
        for part, report in applied.reports:
            for window in self._gatherer.add(part, report):
                if window.end_ms > self._settings.windows_from_ms:
                    self._on_window(window)

    async def _trim(self) -> None:
        now = self._now()
        if now - self._trimmed_at >= _TRIM_SECONDS:
            self._trimmed_at = now
            await asyncio.to_thread(self._store.trim, int(now * 1000))


async def load_range(
    store: ReportStore, settings: HistorySettings, *, key: bytes, start_ms: int, now: float
) -> None:
    """Fill ``store`` with the reports of one subject since ``start_ms``, directly from the topic.

    Raises ``KafkaError`` when the broker does not answer.
    """
    async with _consumer(settings) as consumer:
        parts = list(consumer.assignment())
        # A record is published after its window has ended, so earlier records are not needed.
        found = await consumer.offsets_for_times(dict.fromkeys(parts, start_ms))
        ends = await _seek(
            consumer, {part.partition: start.offset for part, start in found.items() if start}
        )
        while True:
            records = await _fetch(consumer, key)
            if records:
                store.apply(records, int(now * 1000))
            elif records is None and await _is_past(consumer, ends):
                return


@asynccontextmanager
async def _consumer(settings: HistorySettings) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        settings.topic,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=_WAIT_MS,
        **settings.client,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await finish(consumer.stop())


async def _seek(
    consumer: AIOKafkaConsumer, offsets: Mapping[int, int]
) -> dict[TopicPartition, int]:
    """Seek to ``offsets``, or to the beginning without one; return the end offsets."""
    parts = list(consumer.assignment())
    if not parts:
        raise LookupError("the reports topic has no partitions: run `detector topics create`")
    fresh = [part for part in parts if part.partition not in offsets]
    if fresh:
        await consumer.seek_to_beginning(*fresh)
    for part in parts:
        if part.partition in offsets:
            consumer.seek(part, offsets[part.partition])
    ends: dict[TopicPartition, int] = await consumer.end_offsets(parts)
    return ends


async def _is_past(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    # The embedded broker returns end offsets that are too low: callers also require an empty fetch.
    return all([await consumer.position(part) >= end for part, end in ends.items()])


async def _fetch(consumer: AIOKafkaConsumer, key: bytes | None = None) -> list[Fetched] | None:
    """Return the next records, only those of ``key`` if given; ``None`` for an empty fetch."""
    found: Mapping[TopicPartition, Sequence[ConsumerRecord]] = await consumer.getmany(
        timeout_ms=2 * _WAIT_MS + _WAIT_MS // 2, max_records=_RECORDS_AT_ONCE
    )
    if not found:
        return None
    return [
        Fetched(record.partition, record.offset, record.value)
        for records in found.values()
        for record in records
        if key is None or record.key == key
    ]
