"""A range of a topic as a recording, read from all partitions at once.

Law: records are yielded by time, then by partition, then by offset, in whatever order the broker
delivers them: the next one is chosen only when the next record of every unfinished partition is
known. A record older than an earlier one of its partition counts as having that one's time.

Reading leaves no trace at the broker: no group, no commit. It ends where the topic ended when
reading began.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from detector.backtest.recording import RecordedMessage, TimeRange
from detector.core.errors import DetectorError

_CHUNK = 5_000
_MAX_WAITING = 50_000
_POLL_SECONDS = 0.25


class TopicRecording:
    """Reads ``topic``; ``client`` holds librdkafka's connection properties.

    Raises ``KafkaException`` if no broker answers within ``timeout_seconds``, and
    ``DetectorError`` if the topic does not exist.
    """

    def __init__(
        self,
        client: Mapping[str, Any],
        topic: str,
        span: TimeRange,
        *,
        timeout_seconds: float = 10.0,
    ) -> None:
        self.topic = topic
        self._span = span
        self._timeout = timeout_seconds
        self._client = {
            **client,
            "log_level": 0,
            "group.id": "detector-backtest",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
        }
        consumer = Consumer(self._client)
        try:
            consumer.poll(0)
            found = consumer.list_topics(topic, timeout=timeout_seconds).topics[topic]
        finally:
            consumer.close()
        if found.error is not None or not found.partitions:
            raise DetectorError(f"no such topic {topic!r}: name one that exists after topic:")
        self.partitions = max(found.partitions) + 1

    def chunks(self, on_progress: Callable[[float], None]) -> Iterator[Sequence[RecordedMessage]]:
        """Yield the records of the range."""
        consumer = Consumer(self._client)
        try:
            reading = _RangeRead(consumer, self.topic, self.partitions, self._span, self._timeout)
            chunk: list[RecordedMessage] = []
            for message in reading.records():
                chunk.append(message)
                if len(chunk) == _CHUNK:
                    yield chunk
                    on_progress(reading.share)
                    chunk = []
            yield chunk
            on_progress(1.0)
        finally:
            consumer.close()


class _RangeRead:
    """One pass over all partitions."""

    def __init__(
        self, consumer: Consumer, topic: str, partitions: int, span: TimeRange, timeout: float
    ) -> None:
        self._consumer = consumer
        self._topic = topic
        self._span = span
        wanted = OFFSET_BEGINNING if span.from_ms is None else span.from_ms
        begins = [TopicPartition(topic, each, wanted) for each in range(partitions)]
        if span.from_ms is not None:
            begins = consumer.offsets_for_times(begins, timeout=timeout)
        self._next: dict[int, int] = {}
        self._end: dict[int, int] = {}
        for begin in begins:
            low, high = consumer.get_watermark_offsets(begin, timeout=timeout)
            # Below 0 means the beginning, or the end if no record is new enough.
            none_new = span.from_ms is not None and begin.offset < 0
            first = high if none_new else max(low, begin.offset)
            if first < high:
                self._next[begin.partition], self._end[begin.partition] = first, high
        self._waiting: dict[int, deque[tuple[int, RecordedMessage]]] = {
            partition: deque() for partition in self._next
        }
        self._newest = dict.fromkeys(self._next, 0)
        self._paused: set[int] = set()
        self._total = sum(self._end[each] - self._next[each] for each in self._next)
        consumer.assign([TopicPartition(topic, each, at) for each, at in self._next.items()])

    @property
    def share(self) -> float:
        """The share of the range that was read, 0 to 1."""
        left = sum(self._end[each] - at for each, at in self._next.items())
        return 1.0 - left / max(1, self._total)

    def records(self) -> Iterator[RecordedMessage]:
        """Yield the records in order."""
        while self._waiting:
            while not all(self._waiting[each] for each in self._next):
                self._fetch()
            for partition in [each for each, queue in self._waiting.items() if not queue]:
                del self._waiting[partition]
            if not self._waiting:
                return
            first = min(self._waiting, key=lambda each: (self._waiting[each][0][0], each))
            _, message = self._waiting[first].popleft()
            self._resume(first)
            if self._span.holds(message.time_ms):
                yield message

    def _fetch(self) -> None:
        for message in self._consumer.consume(_CHUNK, timeout=_POLL_SECONDS):
            error = message.error()
            if error is None:
                self._add(message)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its own name for it
                # Only transaction markers or compacted records are left before the end.
                self._next.pop(message.partition() or 0, None)
            else:
                raise KafkaException(error)

    def _add(self, message: Any) -> None:
        partition, time_ms = message.partition(), message.timestamp()[1]
        if partition not in self._next:
            return
        newest = self._newest[partition] = max(self._newest[partition], time_ms)
        queue = self._waiting[partition]
        if message.value() is not None and message.offset() < self._end[partition]:
            queue.append((newest, RecordedMessage(message.value(), time_ms, partition)))
        self._next[partition] = message.offset() + 1
        ended = self._next[partition] >= self._end[partition]
        until = self._span.until_ms
        if ended or (until is not None and time_ms >= until and self._is_far_past(until, newest)):
            del self._next[partition]
            self._consumer.pause([TopicPartition(self._topic, partition)])
        elif len(queue) >= _MAX_WAITING and partition not in self._paused:
            self._paused.add(partition)
            self._consumer.pause([TopicPartition(self._topic, partition)])

    def _is_far_past(self, until_ms: int, newest_ms: int) -> bool:
        """Return whether the partition is a minute past the range, so that no more is expected."""
        return newest_ms >= until_ms + 60_000

    def _resume(self, partition: int) -> None:
        if partition in self._paused and len(self._waiting[partition]) < _MAX_WAITING // 2:
            self._paused.discard(partition)
            self._consumer.resume([TopicPartition(self._topic, partition)])
