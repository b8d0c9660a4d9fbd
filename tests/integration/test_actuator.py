"""The actuator process on a broker: each action once, whoever dies where."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from detector.actuation.admission import Admission
from detector.actuation.service import ActuationService, AlreadyAcceptedError
from detector.core.vocabulary import Mode, OutcomeState
from detector.decisions.actions import Outcome
from detector.decisions.budgets import BucketLimits
from detector.decisions.kill_switch import ControlView
from detector.kafka.actuator_app import KafkaJournal
from tests.support.acting import Stage, fresh, now
from tests.support.deciding import OFF, ON, outcome, shift
from tests.support.deployment import Deployment
from tests.support.durable import crash_at
from tests.support.tansu import EmbeddedBroker

pytestmark = pytest.mark.embedded


@pytest.fixture
async def stage(broker_tansu: EmbeddedBroker, unique_prefix: str) -> AsyncIterator[Stage]:
    async with Stage(broker_tansu.bootstrap, unique_prefix) as made:
        yield made


@asynccontextmanager
async def journal_of(stage: Stage) -> AsyncIterator[tuple[KafkaJournal, AIOKafkaProducer]]:
    producer = AIOKafkaProducer(acks="all", **stage.client)
    consumer = AIOKafkaConsumer(auto_offset_reset="earliest", **stage.client)
    await producer.start()
    await consumer.start()
    try:
        yield KafkaJournal(stage.topics.outcomes, producer, consumer), producer
    finally:
        await consumer.stop()
        await producer.stop()


async def test_a_journal_hears_what_others_wrote_before_its_own_acceptance(stage: Stage) -> None:
    async with journal_of(stage) as (mine, _), journal_of(stage) as (theirs, _):
        assert await mine.read() == []
        assert await theirs.read() == []
        first = outcome("s1", ACCEPTED, of=shift("s1", "az3"))
        second = outcome("s2", ACCEPTED, of=shift("s2", "az1"))
        heard: list[Outcome] = []
        await theirs.append(first, lambda _: None)
        await mine.append(second, heard.append)
        assert heard == [first, second]
        with pytest.raises(AlreadyAcceptedError):
            await mine.append(first, heard.append)
        assert heard == [first, second, first]


OUTCOME = [("ce_type", b"detector.outcome.v1")]
ACCEPTED, SUCCEEDED = OutcomeState.ACCEPTED, OutcomeState.SUCCEEDED


async def test_an_action_sent_twice_is_accepted_and_done_once(stage: Stage) -> None:
    twice = fresh("a1")
    await stage.send(twice)
    await stage.send(b"no action")
    await stage.send(twice)
    await stage.send(fresh("a2"))
    async with stage.actuator():
        await stage.until(stage.has("a2", SUCCEEDED))
    assert stage.states("a1") == [ACCEPTED, SUCCEEDED]
    assert stage.executor.calls == ["a1", "a2"]


@pytest.mark.slow
async def test_an_actuator_killed_between_accepting_and_doing_never_does_it(stage: Stage) -> None:
    await stage.send(fresh("a1"))
    async with stage.actuator(crash=crash_at("after_accepted")) as dying:
        await stage.until(dying.done)
    await stage.send(fresh("a2"))
    async with stage.actuator():
        await stage.until(stage.has("a2", SUCCEEDED))
    assert stage.states("a1") == [ACCEPTED, OutcomeState.INTERRUPTED]
    assert stage.executor.calls == ["a2"]


@pytest.mark.slow
async def test_an_actuator_killed_after_doing_does_not_do_it_again(stage: Stage) -> None:
    await stage.send(fresh("a1"))
    async with stage.actuator(crash=crash_at("after_outcome")) as dying:
        await stage.until(dying.done)
    await stage.send(fresh("a2"))
    async with stage.actuator():
        await stage.until(stage.has("a2", SUCCEEDED))
    assert stage.states("a1") == [ACCEPTED, SUCCEEDED]
    assert stage.executor.calls == ["a1", "a2"]


async def test_while_the_switch_is_on_or_unknown_actions_are_refused(stage: Stage) -> None:
    stage.switch.now = ON
    await stage.send(fresh("a1"))
    async with stage.actuator():
        await stage.until(stage.has("a1", OutcomeState.REFUSED))
        stage.switch.now = ControlView.unknown("lost")
        await stage.send(fresh("a2"))
        await stage.until(stage.has("a2", OutcomeState.REFUSED))
        stage.switch.now = OFF
        await stage.send(fresh("a3"))
        await stage.until(stage.has("a3", SUCCEEDED))
    assert stage.executor.calls == ["a3"]
    assert [o.reason for o in stage.outcomes[:2]] == [
        "kill_switch: on: drill",
        "kill_switch: unknown: lost",
    ]


async def test_a_first_start_refuses_what_has_expired_and_what_is_not_enforced(
    stage: Stage,
) -> None:
    await stage.send(fresh("old", expires_at=time.time() - 1.0))
    await stage.send(fresh("observed", mode=Mode.OBSERVE))
    await stage.send(fresh("newer", epoch=5))
    await stage.send(fresh("older", epoch=4))
    async with stage.actuator():
        await stage.until(stage.has("older", OutcomeState.REFUSED))
    assert stage.states("old") == [OutcomeState.EXPIRED]
    assert stage.states("observed") == [OutcomeState.REFUSED]
    assert stage.executor.calls == ["newer"]


async def test_an_acceptance_that_stands_second_in_the_journal_begins_nothing(
    stage: Stage,
) -> None:
    """Another owner accepts in the moment between our judgement and our own acceptance."""
    raced = fresh("a1")
    accepted = msgspec.structs.replace(outcome("a1", ACCEPTED), executor="rival")

    async def rival(topic: str, **record: Any) -> Any:
        if not stage.executor.calls and not rivals:
            rivals.append(topic)
            await send(topic, value=msgspec.json.encode(accepted), key=b"a1", headers=OUTCOME)
        return await send(topic, **record)

    rivals: list[str] = []
    async with journal_of(stage) as (journal, producer):
        send = producer.send_and_wait
        producer.send_and_wait = rival
        assert await journal.read() == []
        service = ActuationService(
            admission=Admission(budget=BucketLimits(4.0, 0.0)),
            executor=stage.executor,
            journal=journal,
            control=lambda: OFF,
            clock=now,
        )
        assert await service.handle(msgspec.json.encode(raced)) is None
        assert await service.handle(msgspec.json.encode(fresh("a2"))) is not None
    assert (service.duplicates, stage.executor.calls) == (1, ["a2"])
    await stage.until(stage.has("a2", SUCCEEDED))
    assert [(o.action_id, o.executor) for o in stage.outcomes[:2]] == [
        ("a1", "rival"),
        ("a1", "counting"),
    ]


def test_sigterm_while_the_group_is_still_joined_ends_the_actuator_in_time(
    broker_tansu: EmbeddedBroker, unique_prefix: str, tmp_path: Path
) -> None:
    """The embedded broker answers the first join after half the session timeout, here 15 s.

    ``terminate`` fails after ``STOP_SECONDS``, which are fewer.
    """
    slow_join = {"DETECTOR_KAFKA__SESSION_TIMEOUT_SECONDS": "30"}
    deployment = Deployment(broker_tansu.bootstrap, unique_prefix, tmp_path, slow_join)
    with deployment.process("actuate", "joining") as actuator:
        actuator.wait_event("started")
        assert 0 == actuator.terminate()
    names = [event["event"] for event in actuator.events()]
    assert ["started", "stopped"] == names
