"""Whatever crashes where, each action is made once and within its budget."""

import asyncio
import dataclasses

import msgspec
import pytest

from detector.core.vocabulary import AlarmState, Decision, Mode
from detector.decisions.decide import Decider
from detector.decisions.service import (
    CRASH_POINTS,
    MAX_STATE_BYTES,
    STATE_KEY,
    DecisionsError,
    DecisionService,
)
from detector.detection.alarms import AlarmChange
from tests.support.decider_world import TOPICS, World
from tests.support.deciding import OFF, START, at, change, target, zone_change
from tests.support.durable import Crash, crash_at


def scenario() -> list[AlarmChange]:
    """Three hosts of one fleet (two tokens), a zone, another zone, and one host that recovers."""
    return [
        change(target("h1"), excess_faults=30.0),
        change(target("h2"), excess_faults=20.0),
        change(target("h3"), excess_faults=10.0),
        zone_change("az2", "cart"),
        zone_change("az3", "cart", excess_faults=100.0),
        change(target("h3"), state=AlarmState.OK, seconds=1),
    ]


def assert_lawful(world: World) -> None:
    actions, decisions = (
        world.topics.actions(TOPICS.actions),
        world.topics.decisions(TOPICS.decisions),
    )
    by_identity = {action.id: action for action in actions}
    assert {a.target.key for a in by_identity.values()} == {
        "checkout/az1/h1",
        "checkout/az1/h2",
        "cart/az2",
    }
    # The same id always carries the same content, so keeping the first of each loses nothing.
    assert all(action == by_identity[action.id] for action in actions)
    for index, record in enumerate(world.topics.records):
        if record.topic == TOPICS.actions:
            wanted = msgspec.json.decode(record.value or b"")["id"]
            before = [r for r in world.topics.records[:index] if r.topic == TOPICS.decisions]
            granted = [msgspec.json.decode(r.value or b"") for r in before]
            assert any(d["action_id"] == wanted and d["verdict"] == "granted" for d in granted)
    granted_ids = {d.action_id for d in decisions if d.verdict is Decision.GRANTED}
    assert granted_ids == set(by_identity)
    assert world.state().decider["fleet_buckets"]["checkout"][0] == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("passes", [0, 1, 2])
@pytest.mark.parametrize("point", CRASH_POINTS)
async def test_a_crash_at_any_point_neither_loses_nor_repeats_nor_overdraws(
    point: str, passes: int
) -> None:
    world = World()
    world.alarms = scenario()
    service = await world.start(crash_at(point, passes))
    with pytest.raises(Crash):
        await world.consume(service, 5)
    survivor = await world.start()
    await world.consume(survivor, 6)
    await survivor.tick(at(20), OFF)
    assert_lawful(world)


@pytest.mark.parametrize("first", CRASH_POINTS)
@pytest.mark.parametrize("second", CRASH_POINTS)
async def test_two_crashes_in_a_row_are_survived_too(first: str, second: str) -> None:
    world = World(max_rulings=1)
    world.alarms = scenario()
    for point in (first, second):
        with pytest.raises(Crash):
            await world.consume(await world.start(crash_at(point)), 5, batch=3)
    survivor = await world.start()
    await world.consume(survivor, 6, batch=3)
    await survivor.tick(at(20), OFF)
    assert_lawful(world)


async def test_a_crash_while_recovering_leaves_the_outbox_in_place() -> None:
    world = World()
    world.alarms = scenario()
    with pytest.raises(Crash):
        await world.consume(await world.start(crash_at("after_state_record")), 5)
    outbox = world.state().outbox
    world.store.fails = True
    with pytest.raises(Crash):
        await world.start()
    world.store.fails = False
    assert world.state().outbox == outbox
    survivor = await world.start()
    assert world.state().outbox == []
    await world.consume(survivor, 6)
    await survivor.tick(at(20), OFF)
    assert_lawful(world)


@pytest.mark.parametrize("part", ["store", "topics"])
async def test_after_a_failed_write_nothing_is_decided_before_recovery(part: str) -> None:
    world = World()
    service = await world.start()
    getattr(world, part).fails = True
    with pytest.raises(Crash):
        await service.apply([change()], offset=0, now=at(), control=OFF)
    getattr(world, part).fails = False
    with pytest.raises(DecisionsError, match="recover before deciding"):
        await service.tick(at(1), OFF)
    await service.recover()
    await service.apply([change()], offset=0, now=at(2), control=OFF)
    assert len({a.id for a in world.topics.actions(TOPICS.actions)}) == 1


async def test_nothing_is_decided_before_the_first_recovery() -> None:
    world = World()
    service = DecisionService(
        decider=Decider(), store=world.store, publisher=world.topics, topics=TOPICS
    )
    with pytest.raises(DecisionsError):
        await service.apply([change()], offset=0, now=at(), control=OFF)


@pytest.mark.parametrize(
    "record",
    [
        b"\xc1",
        b"{}",
        msgspec.msgpack.encode({"schema": "other", "offset": 0, "outbox": [], "decider": {}}),
        msgspec.msgpack.encode(
            {"schema": "detector.decider.v1", "offset": 0, "outbox": [], "decider": {"version": 1}}
        ),
        msgspec.msgpack.encode(
            {"schema": "detector.decider.v1", "offset": 0, "outbox": [], "decider": {"version": 9}}
        ),
    ],
)
async def test_a_record_that_cannot_be_read_stops_the_decider(record: bytes) -> None:
    world = World()
    world.store.records[0, STATE_KEY] = record
    with pytest.raises(DecisionsError, match="state record"):
        await world.start()
    assert world.topics.records == []


async def test_a_storm_of_alarms_is_ruled_upon_in_rounds_and_fits_the_record() -> None:
    world = World()
    service = await world.start()
    sizes: list[int] = []
    save = world.store.save

    async def measured(partition: int, key: str, record: bytes) -> None:
        sizes.append(len(record))
        await save(partition, key, record)

    world.store.save = measured  # type: ignore[method-assign]
    storm = [
        change(
            target(f"h{n}" + "x" * 200),
            excess_faults=float(n),
            suspects=900,
            runner_up=("y" * 4_000,) * 50,
        )
        for n in range(1_000)
    ]
    results = await service.apply(storm, offset=999, now=at(), control=OFF)
    assert len(results) == 1_000
    assert len(sizes) > 30
    assert max(sizes) < MAX_STATE_BYTES
    assert world.topics.actions(TOPICS.actions) == []


async def test_a_record_over_its_bound_is_an_error_and_no_surprise_at_the_broker() -> None:
    world = World(max_rulings=64, max_standing=128)
    service = await world.start()
    large = [change(target(f"h{n}"), alarm_id=f"{n}" + "a" * 20_000) for n in range(64)]
    with pytest.raises(DecisionsError, match="lower max_standing or max_rulings"):
        await service.apply(large, offset=0, now=at(), control=OFF)


async def test_calls_from_several_tasks_take_turns() -> None:
    world = World()
    service = await world.start()
    await asyncio.gather(
        service.apply([change(target("h1"))], offset=0, now=at(), control=OFF),
        service.tick(at(1), OFF),
        service.apply([change(target("h2"))], offset=1, now=at(2), control=OFF),
    )
    assert len(world.topics.actions(TOPICS.actions)) == 2
    assert world.state().offset == 1


async def test_of_two_deciders_the_newer_has_the_higher_epoch() -> None:
    world = World()
    old = await world.start()
    new = await world.start()
    await old.apply([change(target("h1"))], offset=0, now=at(), control=OFF)
    await new.apply([change(target("h1"))], offset=0, now=at(), control=OFF)
    first, second = world.topics.actions(TOPICS.actions)
    assert first.id == second.id
    assert (first.epoch, second.epoch) == (1, 2)
    assert START < first.expires_at


async def test_actions_left_by_an_enforcing_owner_are_not_sent_by_an_observing_one() -> None:
    """Someone who sets the mode to observe after a crash wants nothing on the actions topic."""
    world = World()
    world.alarms = [change()]
    with pytest.raises(Crash):
        await world.consume(await world.start(crash_at("after_state_record")), 5)
    world.config = dataclasses.replace(world.config, mode=Mode.OBSERVE)
    await world.consume(await world.start(), 6)
    assert [] == world.topics.actions(TOPICS.actions)
    assert world.topics.decisions(TOPICS.decisions)
