"""A paced producer of benchmark events on a thread, and a fast one for backlogs."""

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from confluent_kafka import Producer

from detector.gameday.emf import benchmark_bodies, benchmark_event

STEP_SECONDS = 0.02


def new_producer(bootstrap: str, **properties: object) -> Producer:
    """Return a producer tuned for throughput on one machine."""
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "linger.ms": 10,
            "batch.num.messages": 20_000,
            "queue.buffering.max.messages": 2_000_000,
            "queue.buffering.max.kbytes": 1_000_000,
            "acks": "all",
            "enable.idempotence": True,
            **properties,
        }
    )


def produce_all(
    bootstrap: str, topic: str, values: Iterable[bytes], *, partitions: int, **properties: object
) -> None:
    """Write ``values`` in turn to the partitions and return when all are acknowledged."""
    producer = new_producer(bootstrap, **properties)
    failed: list[str] = []

    def delivered(error: object, _: object) -> None:
        if error:
            failed.append(str(error))

    for at, value in enumerate(values):
        while True:
            try:
                producer.produce(topic, value, partition=at % partitions, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
        if at % 10_000 == 0:
            producer.poll(0)
    left = producer.flush(60)
    assert (0, []) == (left, failed[:3])


class GrayHosts:
    """A ``disturb`` by which the numbers in ``sick`` fail with ``share`` of their requests.

    ``sick`` may be changed while the producer runs; it holds host numbers of ``benchmark_bodies``.
    """

    def __init__(self, *sick: int, hosts: int, share: float = 0.5, seed: int = 1) -> None:
        self.sick = frozenset(sick)
        self._hosts = hosts
        self._share = share
        self._chance = random.Random(seed)

    def __call__(self, number: int, now_ms: int, body: bytes) -> bytes:
        """Return the event to write."""
        if number % self._hosts in self.sick and self._chance.random() < self._share:
            body = body.replace(b'"Faults":0', b'"Faults":1')
        return benchmark_event(now_ms - self._chance.randrange(200), body)


class PacedProducer(threading.Thread):
    """Writes ``rate`` events a second with the time of sending, ``total`` of them or until stopped.

    ``disturb`` may replace an event: it is given (number, now in ms, body) and returns the value to
    write, ``None`` to write nothing.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        *,
        partitions: int,
        rate: int,
        total: int | None = None,
        seed: int = 1,
        hosts: int = 60,
        jitter_ms: int = 200,
        disturb: Callable[[int, int, bytes], bytes | None] | None = None,
        fault_share: float = 0.01,
        properties: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(daemon=True)
        self._properties = {"message.timeout.ms": 120_000, **(properties or {})}
        self._brokers = bootstrap
        self._topic = topic
        self._partitions = partitions
        self._rate = rate
        self._total = total
        self._random = random.Random(seed)
        # Whole turns of the hosts: event ``number`` comes from host ``number % hosts`` for ever.
        bodies = hosts * -(-4000 // hosts)
        self._bodies = benchmark_bodies(seed, bodies, hosts=hosts, fault_share=fault_share)
        self._jitter_ms = jitter_ms
        self._disturb = disturb
        self._halt = threading.Event()
        self.sent = 0
        self.failed: list[str] = []

    def stop(self) -> None:
        """Stop and wait until everything written is acknowledged."""
        self._halt.set()
        self.join(120)
        assert not self.is_alive()
        assert [] == self.failed[:3]

    def finish(self, seconds: float) -> None:
        """Wait until ``total`` events are written."""
        self.join(seconds)
        self.stop()

    def run(self) -> None:
        """Write until told to stop."""
        producer = new_producer(self._brokers, **self._properties)
        begun = time.monotonic()
        while not self._halt.is_set() and (self._total is None or self.sent < self._total):
            due = int((time.monotonic() - begun) * self._rate)
            if self._total is not None:
                due = min(due, self._total)
            now_ms = int(time.time() * 1000)
            while self.sent < due:
                self._write(producer, now_ms)
            producer.poll(0)
            self._halt.wait(STEP_SECONDS)
        if producer.flush(120):
            self.failed.append("records left unacknowledged")

    def _write(self, producer: Producer, now_ms: int) -> None:
        number = self.sent
        self.sent += 1
        body = self._bodies[number % len(self._bodies)]
        if self._disturb is not None:
            value = self._disturb(number, now_ms, body)
        else:
            value = benchmark_event(now_ms - self._random.randrange(self._jitter_ms), body)
        if value is not None:
            producer.produce(
                self._topic,
                value,
                partition=number % self._partitions,
                on_delivery=self._delivered,
            )

    def _delivered(self, error: object, _: object) -> None:
        if error:
            self.failed.append(str(error))
