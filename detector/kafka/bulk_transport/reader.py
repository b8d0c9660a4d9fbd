"""The reader thread: reads the assigned bulk partitions and hands batches to the event loop.

Law: it hands over exactly the log from the assigned offset on, in order, without gap or repetition
within one generation. It reports the end of a log only after asking the broker.

Theory of operation: this thread alone calls the client (a call from another thread would wait for a
running ``consume``). It follows the newest assignment, takes what librdkafka has fetched (in C,
without the GIL), splits it into batches and puts them into the bounded hand-off.

End of log: librdkafka reports the end of a partition each time it reaches it. While the partition
stays there, and at most every ``PROOF_SECONDS``, the thread asks the broker for the end offset; an
answer not above what was read is the proof. Without an answer there is no proof. The embedded
broker's answers are too low after a batch of several records; that is harmless, because its
preceding report is exact and a later batch always raises the answer above what was read. A log with
an open transaction has no end.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from detector.kafka.bulk_transport.batch import Cutter, FetchedBatch, Partition, offset_of
from detector.kafka.bulk_transport.client import BulkReadError, is_hopeless
from detector.kafka.bulk_transport.hand_off import HandOff
from detector.kafka.bulk_transport.positions import EndOfLog, PartitionProgress, PartitionState

POLL_SECONDS = 0.05
"""Longest time that a record waits for others in its batch."""

CHUNK_RECORDS = 1_000
"""Records taken from librdkafka at once: few enough to stay in the CPU's cache."""

PROOF_SECONDS = 0.5
"""Least time between two proofs of a partition, and from its end to the first proof."""

ANSWER_SECONDS = 0.5
"""Timeout of a request to the broker; the thread reads nothing meanwhile."""

ASK_AGAIN_SECONDS = 2.0
"""Pause after a request without an answer."""

WATERMARK_SECONDS = 0.2
"""Least time between two updates of the ends of the logs, for the lag."""

WARNING_SECONDS = 10.0
"""Least time between two warnings about transient errors."""

_LATEST = -1  # ListOffsets: the timestamp that stands for the end of the log.

log = logging.getLogger(__name__)


class BulkReader:
    """Reads the assigned partitions until ``stop``; callbacks run on the reader thread."""

    def __init__(
        self,
        properties: Mapping[str, Any],
        *,
        hand_off: HandOff,
        batch_records: int,
        monotonic: Callable[[], float],
        on_end: Callable[[EndOfLog], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._client = Consumer({**properties, "error_cb": self._on_client_error})
        self._hand_off = hand_off
        self._batch_records = batch_records
        self._chunk_records = min(CHUNK_RECORDS, batch_records)
        self._monotonic = monotonic
        self._on_end = on_end
        self._on_failure = on_failure
        self._wanted: tuple[int, dict[Partition, int]] = (0, {})
        self._followed = self._wanted
        self._states: dict[Partition, PartitionState] = {}
        self._cutter = Cutter(None, 0)
        self._gone: set[Partition] = set()
        self._asking_from = 0.0
        self._warned_at = float("-inf")
        self._stopping = False
        self._watermarks_due = 0.0
        self._thread = threading.Thread(target=self._run, name="bulk-reader", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def assign(self, generation: int, starts: dict[Partition, int]) -> None:
        """Read from ``starts`` (an offset per partition) and nothing else; any thread."""
        self._hand_off.restart(generation)
        self._wanted = (generation, starts)

    def stop(self, timeout_seconds: float) -> bool:
        """Stop, close the client and wait for the thread; ``False`` if it did not end in time."""
        self._stopping = True
        self._hand_off.restart(-1)
        if self._thread.ident is not None:
            self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def readings(self) -> dict[Partition, PartitionProgress]:
        """Return the reading progress of each assigned partition; any thread."""
        return {
            partition: PartitionProgress(
                position=state.next_offset,
                high_watermark=state.high_watermark,
                records=state.records,
                bytes=state.bytes,
                lost=state.lost,
            )
            for partition, state in self._states.items()
        }

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._follow_assignment()
                self._read_once()
                self._note_watermarks()
                self._return_to_log()
                self._look_for_ends()
        except BaseException as error:  # noqa: BLE001 - whatever ends this thread must end the worker.
            self._stopping = True
            self._on_failure(error)
        finally:
            self._client.close()

    def _follow_assignment(self) -> None:
        wanted = self._wanted
        if wanted is self._followed:
            return
        self._followed = wanted
        starts = wanted[1]
        self._gone = set()
        self._states = {partition: PartitionState(at, at) for partition, at in starts.items()}
        topics = {topic for topic, _ in starts}
        self._cutter = Cutter(topics.pop() if len(topics) == 1 else None, wanted[0])
        self._assign_client()

    def _assign_client(self) -> None:
        self._client.assign(
            [
                TopicPartition(*partition, state.next_offset)
                for partition, state in self._states.items()
            ]
        )

    def _read_once(self) -> None:
        cutter = self._cutter
        events: list[Message] = []
        wait = POLL_SECONDS
        while cutter.records < self._batch_records:
            fetched = self._client.consume(self._chunk_records, wait)
            events += cutter.add(fetched)
            if len(fetched) < self._chunk_records:
                break
            wait = 0.0
        batches = cutter.drain()
        sizes = [self._count(batch) for batch in batches]
        for event in events:
            self._on_event(event)
        for batch, size in zip(batches, sizes, strict=True):
            end = self._high_watermark((batch.topic, batch.partition))
            batch.at_end = batch.last_offset + 1 >= end
            if not self._hand_off.put(batch, size):
                return

    def _count(self, batch: FetchedBatch) -> int:
        state = self._states[batch.topic, batch.partition]
        if batch.first_offset < state.next_offset:
            raise BulkReadError(
                f"librdkafka gave offset {batch.first_offset} of {batch.topic}/{batch.partition} "
                f"again, expected {state.next_offset} or later: restart the worker"
            )
        size = sum(map(len, batch.messages))
        state.next_offset = state.read_to = batch.last_offset + 1
        state.records += len(batch.messages)
        state.bytes += size
        state.at_end = False
        return size

    def _on_event(self, event: Message) -> None:
        error = event.error()
        assert error is not None, "an event carries an error"  # noqa: S101
        partition = (event.topic() or "", event.partition() or 0)
        state = self._states.get(partition)
        if state is None:
            self._on_client_error(error)
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
            self._on_end_reached(state, offset_of(event))
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            self._gone.add(partition)
        elif is_hopeless(error, of_partition=True):
            raise BulkReadError(f"cannot read {partition[0]}/{partition[1]}: {error.str()}")
        else:
            self._warn(error)

    def _on_end_reached(self, state: PartitionState, end: int) -> None:
        if end >= state.next_offset:
            state.read_to = end
            state.at_end = True
            state.proof_due = max(state.proof_due, self._monotonic() + PROOF_SECONDS)

    def _on_client_error(self, error: KafkaError) -> None:
        if self._stopping:
            return
        if is_hopeless(error, of_partition=False):
            raise BulkReadError(f"kafka refuses to let the bulk topics be read: {error.str()}")
        self._warn(error)

    def _warn(self, error: KafkaError) -> None:
        now = self._monotonic()
        if now - self._warned_at >= WARNING_SECONDS:
            self._warned_at = now
            log.warning("waiting for kafka: %s (%s)", error.str(), error.name())

    def _note_watermarks(self) -> None:
        """Store the ends of the logs as of the newest fetches, for other threads to read."""
        now = self._monotonic()
        if now < self._watermarks_due:
            return
        self._watermarks_due = now + WATERMARK_SECONDS
        for partition, state in self._states.items():
            state.high_watermark = self._high_watermark(partition)

    def _high_watermark(self, partition: Partition) -> int:
        return self._client.get_watermark_offsets(TopicPartition(*partition), cached=True)[1]

    def _return_to_log(self) -> None:
        """Where the wanted offset does not exist, continue at the first one that does.

        Retention removed the records before it, or the topic was recreated and is shorter.
        """
        if not self._gone or self._monotonic() < self._asking_from:
            return
        for partition in tuple(self._gone):
            state = self._states[partition]
            try:
                found = self._client.get_watermark_offsets(
                    TopicPartition(*partition), timeout=ANSWER_SECONDS
                )
            except KafkaException:
                found = None
            if not found:
                self._asking_from = self._monotonic() + ASK_AGAIN_SECONDS
                return
            state.lost += max(0, found[0] - state.next_offset)
            log.warning(
                "offset %d of %s/%d does not exist, the log holds %d to %d: reading on at %d",
                *(state.next_offset, *partition, *found, found[0]),
            )
            state.next_offset = state.read_to = found[0]
            self._gone.discard(partition)
        self._assign_client()

    def _look_for_ends(self) -> None:
        now = self._monotonic()
        due = {
            partition: state
            for partition, state in self._states.items()
            if state.at_end and state.proof_due <= now
        }
        if not due or now < self._asking_from:
            return
        for (topic, partition), end in self._ask_ends(due).items():
            state = due[topic, partition]
            state.proof_due = now + PROOF_SECONDS
            visible_end = max(end, self._high_watermark((topic, partition)))
            if end >= 0 and visible_end <= state.read_to:
                self._on_end(EndOfLog(self._followed[0], topic, partition, state.next_offset, now))

    def _ask_ends(self, due: Mapping[Partition, PartitionState]) -> dict[Partition, int]:
        """Ask for the ends of the logs in one request; -1 means no answer."""
        asked = [TopicPartition(*partition, _LATEST) for partition in due]
        try:
            answers = self._client.offsets_for_times(asked, timeout=ANSWER_SECONDS)
        except KafkaException:
            self._asking_from = self._monotonic() + ASK_AGAIN_SECONDS
            return {}
        return {
            (answer.topic, answer.partition): -1 if answer.error else answer.offset
            for answer in answers
        }
