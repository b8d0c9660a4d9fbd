"""Reads topics from their beginning in a thread, without a consumer group.

Law: no group is joined and nothing is committed, so reading has no effect on other consumers.

Known limits: partitions are looked up once, so the topics must exist. Records are buffered in
memory without a limit; the caller is expected to drain them several times a second.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

_METADATA_SECONDS = 10.0
_WAIT_SECONDS = 0.1
_RECORDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """One record; ``at`` is when it was read, in epoch seconds."""

    topic: str
    value: bytes
    at: float


class TopicReader:
    """Reads ``topics`` of ``broker`` (host:port); a context manager.

    ``now`` returns epoch seconds. Raises ``KafkaException`` when the broker does not answer.
    """

    def __init__(self, broker: str, topics: Iterable[str], now: Callable[[], float]) -> None:
        self._topics = tuple(topics)
        self._now = now
        self._read: queue.SimpleQueue[ReadRecord] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="topic-follower", daemon=True)
        self._consumer = Consumer(
            {
                "bootstrap.servers": broker,
                # librdkafka requires a group id even if no group is joined.
                "group.id": "detector-demo-screen",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "fetch.wait.max.ms": 100,
                "log_level": 0,
            }
        )

    def __enter__(self) -> Self:
        partitions = [
            TopicPartition(topic, partition, OFFSET_BEGINNING)
            for topic in self._topics
            for partition in self._partitions(topic)
        ]
        self._consumer.assign(partitions)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._consumer.close()

    def drain(self) -> Iterator[ReadRecord]:
        """Yield the records read since the last call, in order within each partition."""
        while True:
            try:
                yield self._read.get_nowait()
            except queue.Empty:
                return

    def _partitions(self, topic: str) -> list[int]:
        found = self._consumer.list_topics(topic, timeout=_METADATA_SECONDS).topics[topic]
        if found.error is not None:
            raise KafkaException(found.error)
        return sorted(found.partitions)

    def _follow(self) -> None:
        while not self._stopping.is_set():
            for message in self._consumer.consume(_RECORDS_AT_ONCE, _WAIT_SECONDS):
                topic, value = message.topic(), message.value()
                # Errors arrive as messages too; librdkafka retries by itself.
                if message.error() is None and topic is not None:
                    self._read.put(ReadRecord(topic, bytes(value or b""), self._now()))
