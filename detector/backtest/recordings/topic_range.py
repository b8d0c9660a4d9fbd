"""A range of a topic as a recording, read once from its partitions side by side.

Law: records come out by time, then by partition, then by offset, whatever order the broker answers
in: the next one is chosen only when every unfinished partition has shown its next record. A record
older than one before it in its partition counts as being as new as that.

Reading leaves no trace at the broker: no group, no commit. The end is where the topic ended when
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
_MOST_WAITING = 50_000
_POLL_SECONDS = 0.25


class TopicRecording:
    """Reads ``topic``; ``client`` are librdkafka's connection properties.

    Raise ``KafkaException`` when no broker answers within ``timeout_seconds``, ``DetectorError``
    when there is no such topic.
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
            # Below 0 stands for the beginning, or for the end when no record is new enough.
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
        """Return how much of the range was read, 0 to 1."""
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
                self._take(message)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its own name for it
                # What is left before the end are markers of transactions, or was compacted away.
                self._next.pop(message.partition() or 0, None)
            else:
                raise KafkaException(error)

    def _take(self, message: Any) -> None:
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
        elif len(queue) >= _MOST_WAITING and partition not in self._paused:
            self._paused.add(partition)
            self._consumer.pause([TopicPartition(self._topic, partition)])

    def _is_far_past(self, until_ms: int, newest_ms: int) -> bool:
        """Tell whether no record of the range can be expected any more: a minute past its end."""
        return newest_ms >= until_ms + 60_000

    def _resume(self, partition: int) -> None:
        if partition in self._paused and len(self._waiting[partition]) < _MOST_WAITING // 2:
            self._paused.discard(partition)
            self._consumer.resume([TopicPartition(self._topic, partition)])
