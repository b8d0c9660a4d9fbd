"""Writes log lines to one topic as a log shipper does: keyed, batched, compressed, counted.

Law: a line counts as written only once the broker has acknowledged it.
"""

from collections.abc import Iterable

from confluent_kafka import KafkaError, Message, Producer

_FLUSH_SECONDS = 5.0


class LogFeed:
    """Producer of one topic; not thread-safe, one thread owns it."""

    def __init__(self, broker: str, topic: str) -> None:
        self._topic = topic
        self._producer = Producer(
            {
                "bootstrap.servers": broker,
                "acks": "all",
                "linger.ms": 20,
                "compression.type": "lz4",
                # A second request in flight could overtake one that is sent again.
                "max.in.flight.requests.per.connection": 1,
                "log_level": 0,
            }
        )
        self.written = 0
        """Lines that the broker has acknowledged."""
        self.failed = 0
        """Lines that were given up."""

    def write(self, lines: Iterable[tuple[bytes, bytes, int]]) -> None:
        """Hand over lines of (key, value, event time in epoch ms); returns before they are durable.

        ``BufferError`` when the broker has not taken anything for too long.
        """
        for key, value, event_ms in lines:
            self._producer.produce(
                self._topic, value, key=key, timestamp=event_ms, on_delivery=self._delivered
            )
        self._producer.poll(0)

    def close(self) -> None:
        """Wait at most five seconds for the last acknowledgements."""
        self._producer.flush(_FLUSH_SECONDS)

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.written += 1
        else:
            self.failed += 1
