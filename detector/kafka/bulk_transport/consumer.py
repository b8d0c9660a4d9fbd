"""Faust's consumer, with the records of bulk topics read by the reader thread.

Law: Faust and aiokafka own the group, assignment, commits and rebalance of bulk topics as of all
others. aiokafka pauses their partitions at assignment, before a fetch can start.

Law: no batch is delivered before Faust has finally resumed the flow, because
``FlowControlEvent.resume`` empties the agents' queues. Acks of an earlier assignment, of any topic,
and acks while the flow is suspended are ignored.

Law: the agents acknowledge in order, so the committed offset is one past the highest ack. Faust's
own list of gaps is not used: it counts a record after a gap as acknowledged before it was read.

The only module that uses private names of Faust;
``tests/kafka/bulk_transport/test_private_names.py`` pins each of them, and the versions are
pinned exactly.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage, Message

from detector.kafka.bulk_transport.batch import FetchedBatch, Partition
from detector.kafka.bulk_transport.client import properties
from detector.kafka.bulk_transport.config import BulkConfig
from detector.kafka.bulk_transport.hand_off import HandOff
from detector.kafka.bulk_transport.positions import EndOfLog, NothingRead, PartitionProgress
from detector.kafka.bulk_transport.reader import BulkReader
from detector.kafka.bulk_transport.starts import Start, ask_starts

STOP_SECONDS = 5.0
"""Longest wait for the reader thread; one request of it to the broker takes at most 0.5 s."""

RETRY_SECONDS = 1.0
"""Pause before committed offsets are requested again while the broker is unreachable."""

GROUP_CHECK_SECONDS = 1.0
"""How often the group is checked for errors. Faust checks only while it fetches, and aiokafka
fetches nothing before the first assignment: a worker that the group refuses would wait silently."""

FETCH_WAIT_MS = 200
"""Longest wait of an empty fetch. A broker answers a connection's requests in order, so every other
request waits behind it: with Faust's 1.5 s a worker took 1.3 s longer to start."""

FRESH_SECONDS = 1.0
"""Age beyond which a proof, delayed by a busy event loop, is ignored."""


class BulkRebalanceListener(driver.ConsumerRebalanceListener):
    """Pauses bulk partitions on aiokafka's thread, before it can fetch them."""

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Pause the bulk partitions, then run Faust's listener."""
        cast("BulkConsumer", self._thread.consumer).pause_bulk(assigned)
        await super().on_partitions_assigned(assigned)


class BulkConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread with a shorter fetch wait."""

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001 - pinned
        return consumer


class BulkConsumer(driver.Consumer):
    """Faust's consumer with a reader thread beside its own consumer thread."""

    RebalanceListener = BulkRebalanceListener

    def __init__(self, transport: Any, *args: Any, config: BulkConfig, **kwargs: Any) -> None:
        super().__init__(transport, *args, **kwargs)
        self._config = config
        self._read_offset = NothingRead()
        self._assignment_count = 0
        self._monotonic: Callable[[], float] = self.loop.time
        self._plan: dict[Partition, int] | None = None
        self._hand_off: HandOff | None = None
        self._reader: BulkReader | None = None

    async def on_start(self) -> None:
        """Start, and check the group for errors."""
        await super().on_start()
        self.add_future(self._watch_group())

    async def _watch_group(self) -> None:
        while not self.should_stop:
            await self.sleep(GROUP_CHECK_SECONDS)
            try:
                await self._thread.call_thread(self._check_group)
            except KafkaError as error:
                self._fail(error)
                return

    async def _check_group(self) -> None:
        """Raise the error that ended group coordination, if any; runs on aiokafka's thread."""
        if (coordinator := self._client()._coordinator) is not None:  # noqa: SLF001 - pinned
            coordinator.check_errors()

    def _new_consumer_thread(self) -> BulkConsumerThread:
        return BulkConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def is_bulk(self, tp: TP | TopicPartition) -> bool:
        """Return whether the reader thread reads this partition."""
        return tp.topic in self._config.bulk_topics

    def pause_bulk(self, assigned: Iterable[TopicPartition]) -> None:
        """Keep aiokafka from fetching bulk partitions; call on aiokafka's thread only."""
        self._client().pause(*filter(self.is_bulk, assigned))

    def _client(self) -> AIOKafkaConsumer:
        return self._thread._ensure_consumer()  # noqa: SLF001 - pinned

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """End the assignment: drop batches in flight, and call ``on_revoked`` at once."""
        self._end_assignment()
        if gone := {tp for tp in revoked if self.is_bulk(tp)}:
            self._config.on_revoked(gone)
        await super().on_partitions_revoked(revoked)

    def _end_assignment(self) -> int:
        self._assignment_count += 1
        self._plan = None
        if self._reader is not None:
            self._reader.assign(self._assignment_count, {})
        return self._assignment_count

    async def prepare_bulk(self) -> None:
        """Find the start of each bulk partition; reading starts when Faust resumes the flow."""
        number = self._end_assignment()
        self._ensure_reader()
        tps = [tp for tp in self.assignment() if self.is_bulk(tp)]
        starts = await self._find_starts(tps, number)
        if number != self._assignment_count:
            return
        for tp, start in starts.items():
            self._acked[tp].clear()
            self._acked_index[tp].clear()
            self._committed_offset[tp] = start.offset if start.had_commit else None
            self._config.on_started(tp.topic, tp.partition, *start)
        self._plan = {(tp.topic, tp.partition): start.offset for tp, start in starts.items()}

    def resume_flow(self) -> None:
        """Let events flow; after ``prepare_bulk`` this is final, and reading starts."""
        super().resume_flow()
        plan, self._plan = self._plan, None
        if plan is not None and self._reader is not None:
            self._reader.assign(self._assignment_count, plan)

    def _ensure_reader(self) -> None:
        if self._reader is not None:
            return
        config, loop = self._config, asyncio.get_running_loop()
        self._monotonic = config.monotonic or loop.time
        half = config.queued_kbytes * 1024 // 2
        self._hand_off = HandOff(loop, depth=config.queue_depth, max_bytes=half)
        self._reader = BulkReader(
            properties(
                config.client,
                group=self.app.conf.id,
                queued_kbytes=config.queued_kbytes,
                oauth=config.oauth_cb,
            ),
            hand_off=self._hand_off,
            batch_records=config.batch_records,
            monotonic=self._monotonic,
            on_end=lambda end: self._call(loop, self._report_end, end),
            on_failure=lambda error: self._call(loop, self._fail, error),
        )
        self._reader.start()
        self.add_future(self._pump(self._hand_off))

    @staticmethod
    def _call(loop: asyncio.AbstractEventLoop, what: Callable[..., None], *args: Any) -> None:
        # A closed loop has no callbacks left to run.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(what, *args)

    def _report_end(self, end: EndOfLog) -> None:
        is_fresh = self._monotonic() - end.seen_at <= FRESH_SECONDS
        if is_fresh and end.generation == self._assignment_count:
            self._config.on_end_of_log(end.topic, end.partition, end.next_offset, end.seen_at)

    def _fail(self, error: BaseException) -> None:
        self.log.error("kafka cannot be read any more, and the worker must stop: %s", error)
        self.add_future(self.crash(error))

    async def _pump(self, hand_off: HandOff) -> None:
        while not self.should_stop:
            batch = await hand_off.get()
            tp = TP(batch.topic, batch.partition)
            kind, newest_ms = batch.messages[-1].timestamp()
            message = ConsumerMessage(
                batch.topic,
                batch.partition,
                batch.last_offset,
                newest_ms / 1000,
                kind,
                headers=None,
                key=None,
                value=cast("Any", batch),
                checksum=None,
                tp=tp,
                generation_id=self.app.consumer_generation_id,
            )
            await self.callback(message)
            self._read_offset[tp] = batch.last_offset

    async def _find_starts(self, tps: list[TP], number: int) -> dict[TP, Start]:
        while number == self._assignment_count and not self.should_stop:
            try:
                found = await self._thread.call_thread(self._ask_starts, tps)
            except KafkaError as error:
                if number != self._assignment_count:
                    break
                if not (error.retriable or isinstance(error, KafkaTimeoutError)):
                    raise
                self.log.warning("waiting for kafka to tell committed offsets: %r", error)
                await self.sleep(RETRY_SECONDS)
            else:
                return cast("dict[TP, Start]", found)
        return {}

    async def _ask_starts(self, tps: list[TP]) -> dict[TP, Start]:
        """Ask the broker; runs on aiokafka's thread."""
        return await ask_starts(self._client(), tps, self._config)

    def ack(self, message: Message) -> bool:
        """Record an ack; ignore one of an assignment that has ended or is ending."""
        batch, app = cast("object", message.value), self.app
        is_over = isinstance(batch, FetchedBatch) and batch.generation != self._assignment_count
        is_over = is_over or message.generation_id != app.consumer_generation_id
        if is_over or not app.flow_control.is_active():
            message.acked = True
            self._unacked_messages.discard(message)
            return False
        return super().ack(message)

    def _new_offset(self, tp: TP) -> int | None:
        """Return the offset to commit: one past the highest ack."""
        acked = self._acked[tp]
        if not acked:
            return None
        highest = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return highest + 1

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Record no gaps."""

    def on_buffer_full(self, tp: TP) -> None:
        """Ignore full queues of bulk topics: the hand-off makes the reader wait."""
        if not self.is_bulk(tp):
            super().on_buffer_full(tp)

    def on_buffer_drop(self, tp: TP) -> None:
        """Ignore bulk topics, as above."""
        if not self.is_bulk(tp):
            super().on_buffer_drop(tp)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Check that aiokafka fetches the other topics."""
        if not self.is_bulk(tp):
            super().verify_event_path(now, tp)

    async def on_stop(self) -> None:
        """Stop the reader thread before Faust commits for the last time."""
        if self._reader is not None:
            stopped = await asyncio.to_thread(self._reader.stop, STOP_SECONDS)
            if not stopped:
                self.log.error("bulk reader did not stop within %s seconds", STOP_SECONDS)
        # After a crash aiokafka's thread has already ended, so nothing can commit.
        if not self.crashed:
            await super().on_stop()

    def readings(self) -> dict[TP, PartitionProgress]:
        """Return the reading progress of each assigned bulk partition."""
        found = self._reader.readings() if self._reader is not None else {}
        return {TP(*partition): reading for partition, reading in found.items()}

    def committed(self) -> dict[TP, int]:
        """Return the committed offsets of assigned bulk partitions that have one."""
        return {
            tp: offset
            for tp, offset in self._committed_offset.items()
            if offset is not None and self.is_bulk(tp)
        }
