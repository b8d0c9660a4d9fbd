"""The kill switch on a broker: whatever is not surely off is on."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from confluent_kafka import Producer

from detector.core.steady_time import SteadyTime
from detector.core.topics import TopicSpec
from detector.decisions.kill_switch import KILL_SWITCH_KEY, ControlView, encode_kill_switch
from detector.kafka.control_log import ControlLog, write_kill_switch
from detector.kafka.topic_admin import TopicAdmin
from tests.support.acting import Stage, now
from tests.support.kafka import RealKafka
from tests.support.tansu import EmbeddedBroker
from tests.support.waiting import GENEROUS_SECONDS

pytestmark = pytest.mark.embedded


@pytest.fixture
async def stage(broker_tansu: EmbeddedBroker, unique_prefix: str) -> AsyncIterator[Stage]:
    async with Stage(broker_tansu.bootstrap, unique_prefix) as made:
        yield made


@asynccontextmanager
async def following(stage: Stage, **config: Any) -> AsyncIterator[ControlLog]:
    log = ControlLog(stage.topics.control, client=stage.client, clock=now, **config)
    await log.start()
    try:
        yield log
    finally:
        await log.stop()


async def seen(log: ControlLog, told: str) -> ControlView:
    """Wait until the state or the reason holds ``told``."""
    async with asyncio.timeout(GENEROUS_SECONDS):
        # A view ages by itself, so there is no event to wait for.
        while told not in ((view := log.view(now())).state, view.reason):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return view


async def turn(stage: Stage, *, engaged: bool, reason: str) -> None:
    await write_kill_switch(
        stage.topics.control,
        client=stage.client,
        engaged=engaged,
        reason=reason,
        by="test",
        at=time.time(),
    )


async def test_the_switch_is_unknown_without_a_record_and_follows_every_turn(stage: Stage) -> None:
    async with following(stage) as log:
        assert log.view(now()).reason == "the control topic was not read yet"
        await seen(log, "no kill switch record")
        await turn(stage, engaged=False, reason="topics created")
        assert await log.wait_known(GENEROUS_SECONDS)
        assert (await seen(log, "off")).reason == "topics created"
        await turn(stage, engaged=True, reason="drill")
        assert (await seen(log, "on")).reason == "drill"
        await stage.producer.send_and_wait(stage.topics.control, b"junk", key=b"kill_switch")
        assert "unreadable" in (await seen(log, "unknown")).reason
        await turn(stage, engaged=False, reason="over")
        await seen(log, "off")
    assert log.view(now()).state == "unknown"


async def test_one_who_begins_late_reads_the_last_turn(stage: Stage) -> None:
    for engaged in (False, True, False, True):
        await turn(stage, engaged=engaged, reason=f"engaged {engaged}")
    async with following(stage) as log:
        assert (await seen(log, "on")).reason == "engaged True"


async def test_the_switch_is_unknown_once_the_last_proof_is_too_old(stage: Stage) -> None:
    await turn(stage, engaged=False, reason="topics created")
    async with following(stage) as log:
        view = await seen(log, "off")
        later = SteadyTime(view.read_at + 5.0, now().monotonic + 5.1)
        assert log.view(later).state == "unknown"
        assert "last read" in log.view(later).reason


async def test_an_order_in_another_log_at_the_same_offset_is_seen(unique_prefix: str) -> None:
    """The broker kept nothing and has another order where the reader already was."""
    with EmbeddedBroker() as broker:
        async with Stage(broker.bootstrap, unique_prefix) as stage:
            await turn(stage, engaged=False, reason="topics created")
        async with following(stage) as log:
            await seen(log, "off")
            broker.stop(grace_seconds=0.1)
            # Blocking on purpose: the reader must not ask before the topic is there again.
            with EmbeddedBroker(port=int(broker.bootstrap.rpartition(":")[2])) as again:
                client = {"bootstrap.servers": again.bootstrap}
                TopicAdmin(client).create([TopicSpec(stage.topics.control, 1, {})])
                producer = Producer(client)
                order = encode_kill_switch(engaged=True, reason="drill", by="test", at=0.0)
                producer.produce(stage.topics.control, order, KILL_SWITCH_KEY)
                assert producer.flush(GENEROUS_SECONDS) == 0
                assert (await seen(log, "on")).reason == "drill"


@pytest.mark.kafka
@pytest.mark.slow
async def test_the_switch_is_unknown_without_a_broker_and_known_again_with_it(
    private_kafka: RealKafka, unique_prefix: str
) -> None:
    async with Stage(private_kafka.bootstrap, unique_prefix) as stage:
        await turn(stage, engaged=False, reason="topics created")
    async with following(stage) as log:
        await seen(log, "off")
        await asyncio.to_thread(private_kafka.kill)
        await seen(log, "unknown")
        await asyncio.to_thread(private_kafka.start)
        await seen(log, "off")


async def test_waiting_for_a_switch_that_nobody_set_ends(stage: Stage) -> None:
    async with following(stage) as log:
        assert not await log.wait_known(0.5)
