"""Tails public topics without a consumer group, for a person or a script.

Law: reading leaves no trace at the broker: no group, no commit.

Known limit: on the embedded broker, tailing from the end may begin a few records early, because it
reports end offsets that are too low.
"""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import msgspec
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from detector.core.errors import DetectorError
from detector.core.safe_text import escape_controls_of_json

_POLL_SECONDS = 0.25
_PASSING = frozenset(
    {
        KafkaError._TRANSPORT,  # noqa: SLF001  (librdkafka's own names for its local errors)
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
        KafkaError._TIMED_OUT,  # noqa: SLF001
    }
)


class TailError(DetectorError):
    """The topic cannot be read, and a retry would not help."""


@dataclass(frozen=True, slots=True)
class TailedRecord:
    """One record of a topic; ``timestamp_ms`` in milliseconds since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def document(self) -> Any:
        """Return the decoded JSON value; ``None`` for a tombstone or when it is not JSON."""
        try:
            return msgspec.json.decode(self.value or b"null")
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    def to_json(self) -> str:
        """Return the record as one line of JSON; a value that is not JSON is base64."""
        record: dict[str, Any] = {
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "timestamp": self.timestamp_ms,
            "key": _text(self.key),
            "headers": {name: _text(value) for name, value in self.headers},
        }
        document = self.document()
        if document is not None or self.value is None:
            record["value"] = document
        else:
            record["value_base64"] = base64.b64encode(self.value).decode()
        return escape_controls_of_json(msgspec.json.encode(record).decode())


class Tail:
    """All partitions of one topic; ``client`` are librdkafka's connection properties.

    Use it as a context manager. Raises ``KafkaException`` when no broker answers within
    ``timeout_seconds`` and ``TailError`` when there is no such topic.
    """

    def __init__(
        self,
        client: Mapping[str, Any],
        topic: str,
        *,
        from_beginning: bool = False,
        timeout_seconds: float = 10.0,
    ) -> None:
        self._consumer = Consumer(
            {
                **client,
                "log_level": 0,
                "group.id": "detector-tail",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "fetch.queue.backoff.ms": 5,
            }
        )
        self._consumer.poll(0)
        try:
            self._unread = self._assign(topic, from_beginning, timeout_seconds)
        except BaseException:
            self._consumer.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def records(self, *, follow: bool = True) -> Iterator[TailedRecord]:
        """Yield records as they arrive; without ``follow``, stop at the end of all partitions."""
        while follow or self._unread:
            message = self._consumer.poll(_POLL_SECONDS)
            if message is None:
                continue
            error = message.error()
            if error is None:
                yield _record(message)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                self._unread.discard(message.partition())
            elif error.code() not in _PASSING or not follow:
                raise KafkaException(error)

    def _assign(self, topic: str, from_beginning: bool, timeout_seconds: float) -> set[int]:
        found = self._consumer.list_topics(topic, timeout=timeout_seconds).topics[topic]
        if found.error is not None or not found.partitions:
            raise TailError(f"no such topic {topic!r}: run `detector topics create`")
        start = OFFSET_BEGINNING if from_beginning else OFFSET_END
        partitions = sorted(found.partitions)
        self._consumer.assign([TopicPartition(topic, each, start) for each in partitions])
        return set(partitions)


def _record(message: Any) -> TailedRecord:
    return TailedRecord(
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        timestamp_ms=message.timestamp()[1],
        key=message.key(),
        value=message.value(),
        headers=tuple((name, value or b"") for name, value in message.headers() or ()),
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", errors="backslashreplace")
