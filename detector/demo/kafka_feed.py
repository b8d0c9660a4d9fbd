"""Writes log lines to one topic like a log shipper: keyed, batched, compressed, counted.

Law: a line counts as written only after the broker has acknowledged it.
"""

from collections.abc import Iterable

from confluent_kafka import KafkaError, Message, Producer

_FLUSH_SECONDS = 5.0


class LogFeed:
    """Producer for one topic; not thread-safe."""

    def __init__(self, broker: str, topic: str) -> None:
        self._topic = topic
        self._producer = Producer(
            {
                "bootstrap.servers": broker,
                "acks": "all",
                "linger.ms": 20,
                "compression.type": "lz4",
                # With a second request in flight, a retry could change the order of records.
                "max.in.flight.requests.per.connection": 1,
                "log_level": 0,
            }
        )
        self.written = 0
        """Number of lines that the broker has acknowledged."""
        self.failed = 0
        """Number of lines that could not be delivered."""

    def write(self, lines: Iterable[tuple[bytes, bytes, int]]) -> None:
        """Send lines of (key, value, event time in epoch ms); returns before they are durable.

        Raises ``BufferError`` when the local queue is full because the broker does not respond.
        """
        for key, value, event_ms in lines:
            self._producer.produce(
                self._topic, value, key=key, timestamp=event_ms, on_delivery=self._delivered
            )
        self._producer.poll(0)

    def close(self) -> None:
        """Wait up to five seconds for outstanding acknowledgements."""
        self._producer.flush(_FLUSH_SECONDS)

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.written += 1
        else:
            self.failed += 1
