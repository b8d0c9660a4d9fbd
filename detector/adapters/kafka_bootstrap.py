"""aiokafka's first contact with a cluster, made to wait for one that names no broker yet.

A Kafka whose controller holds every broker to be gone answers with an empty list of brokers: while
it starts, and for a moment after its machine stood still for longer than
``broker.session.timeout.ms`` (9 s). aiokafka 0.14 takes that for a success and never recovers: it
asks nobody for metadata from then on, or its coordination ends with "Did we not perform
bootstrap?". Of 11 workers that were started while a broker stood still for 11 s, 2 hung for good.

The class is patched, because Faust creates its clients by itself.
"""

import asyncio
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

PATIENCE_SECONDS = 30.0
"""Longest wait for a cluster that answers to name a broker; a restart of Kafka is shorter."""

PAUSE_SECONDS = 0.2

_LIBRARY_BOOTSTRAP = AIOKafkaClient.bootstrap


async def _bootstrap(client: Any) -> None:
    """Connect as aiokafka does, again and again until the answer names a broker.

    Raises ``KafkaConnectionError`` when no broker answers, or none is named in time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_SECONDS
    await _LIBRARY_BOOTSTRAP(client)
    while not client.cluster.brokers():
        if loop.time() >= deadline:
            await client.close()
            raise KafkaConnectionError(
                f"{client.hosts} answered for {PATIENCE_SECONDS:.0f} s without naming a broker: "
                "its controller holds all brokers to be gone"
            )
        await asyncio.sleep(PAUSE_SECONDS)
        await _leave(client)
        await _LIBRARY_BOOTSTRAP(client)


async def _leave(client: Any) -> None:
    """Close the connections of a contact that named no broker."""
    connections = list(client._conns.values())  # noqa: SLF001 - pinned by its test
    client._conns.clear()  # noqa: SLF001 - pinned by its test
    await asyncio.gather(*(connection.close() for connection in connections if connection))


def install() -> None:
    """Make every aiokafka client of this process wait; may be called again."""
    AIOKafkaClient.bootstrap = _bootstrap
