"""Publishes with aiokafka: a call returns when every in-sync replica has the record.

aiokafka has at most one batch per partition in flight, so retries keep the order of a partition.
The producer is deliberately not idempotent: a repeated record has the same identity and consumers
keep the first, and the embedded broker has no producer ids.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from detector.core.errors import PublishError

LINGER_MS = 2
"""Milliseconds that a record waits to be batched: chunks and reports come in bursts."""

DELIVERY_SECONDS = 120.0
"""How long a record waits for an unreachable broker before the worker stops."""


def partition_of(key: str, partitions: int) -> int:
    """Return the partition that Kafka's Java client gives ``key`` among ``partitions``."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % partitions


class KafkaPublisher:
    """Publishes with ``acks=all``.

    ``client`` holds aiokafka's connection settings (addresses, security).
    """

    def __init__(self, client: Mapping[str, Any], *, client_id: str) -> None:
        self._client = dict(client)
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect; must be called in the loop that publishes."""
        self._producer = AIOKafkaProducer(
            **self._client,
            client_id=self._client_id,
            acks="all",
            linger_ms=LINGER_MS,
            max_batch_size=262_144,
            # The broker's own limit applies; records are split below it before publishing.
            max_request_size=16_777_216,
            request_timeout_ms=int(DELIVERY_SECONDS * 1000),
        )
        await self._producer.start()

    async def stop(self) -> None:
        """Flush and disconnect."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def publish(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> None:
        """Publish durably.

        Raises ``PublishError`` naming the topic when the broker did not take the record.
        """
        if self._producer is None:
            raise PublishError(f"cannot publish to {topic!r}: the publisher is not started")
        try:
            await self._producer.send_and_wait(
                topic, value, key=key, partition=partition, headers=list(headers)
            )
        except KafkaError as error:
            raise PublishError(f"cannot publish to {topic!r}: {error!r}") from error

    async def partitions(self, topic: str) -> int:
        """Return the number of partitions of a topic."""
        if self._producer is None:
            raise PublishError(f"cannot ask about {topic!r}: the publisher is not started")
        try:
            return len(await self._producer.partitions_for(topic))
        except KafkaError as error:
            raise PublishError(f"cannot ask about {topic!r}: {error!r}") from error
