"""The first contact with a cluster whose controller holds its only broker to be gone."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

from detector.kafka import aiokafka_repairs
from tests.support import kafka as real_kafka
from tests.support.kafka import RealKafka

FLAPPING = {"broker.session.timeout.ms": 2_000, "broker.heartbeat.interval.ms": 6_000}
"""The broker sends too few heartbeats to the controller: it is fenced most of the time."""


@pytest.fixture(scope="module")
def flapping() -> Iterator[RealKafka]:
    real_kafka.require()
    with RealKafka(FLAPPING) as broker:
        yield broker


async def first_contact(broker: RealKafka) -> AIOKafkaClient:
    client = AIOKafkaClient(bootstrap_servers=broker.bootstrap)
    await client.bootstrap()
    return client


@pytest.fixture
async def nameless(flapping: RealKafka, monkeypatch: pytest.MonkeyPatch) -> RealKafka:
    """Wait until aiokafka by itself takes an answer without a broker for a success."""
    monkeypatch.setattr(AIOKafkaClient, "bootstrap", aiokafka_repairs._LIBRARY_BOOTSTRAP)
    deadline = time.monotonic() + 30
    while True:
        client = await first_contact(flapping)
        named = client.cluster.brokers()
        await client.close()
        if not named:
            break
        assert time.monotonic() < deadline, "the broker was never fenced"
        await asyncio.sleep(0.1)
    aiokafka_repairs.install()
    return flapping


@pytest.mark.kafka
async def test_it_lasts_until_a_broker_is_named(nameless: RealKafka) -> None:
    client = await first_contact(nameless)
    try:
        assert [1] == [broker.nodeId for broker in client.cluster.brokers()]
        assert await client.fetch_all_metadata()
    finally:
        await client.close()


@pytest.mark.kafka
async def test_a_cluster_that_names_nobody_in_time_is_an_error_that_says_so(
    nameless: RealKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aiokafka_repairs, "MAX_WAIT_SECONDS", 0.0)
    with pytest.raises(KafkaConnectionError, match="without naming a broker"):
        await first_contact(nameless)
