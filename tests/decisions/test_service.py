"""Durable decisions: what is written, in which order, and what listeners receive."""

import json

from detector.core.notices import ActionDecided, BudgetLevel, KillSwitchRead
from detector.core.vocabulary import AlarmState, Decision
from detector.decisions.budgets import BucketLimits
from detector.decisions.service import (
    CLOCK_SAVE_SECONDS,
)
from tests.support.decider_world import TOPICS, World
from tests.support.deciding import OFF, ON, at, change


async def test_decisions_and_actions_travel_as_cloud_events() -> None:
    world = World()
    service = await world.start()
    results = await service.apply([change()], offset=7, now=at(5), control=OFF)
    [decision] = world.topics.decisions(TOPICS.decisions)
    [action] = world.topics.actions(TOPICS.actions)
    assert [(r.decision, r.action) for r in results] == [(decision, action)]
    first, (_, key, value, headers, _) = world.topics.records
    assert (first.key, key) == (action.id.encode(), b"checkout/az1/h1")
    assert first.headers["ce_type"] == b"detector.decision.v1"
    assert headers["ce_id"] == action.id.encode()
    assert headers["ce_type"] == b"detector.action.v1"
    assert headers["ce_source"] == b"/detector/decide"
    assert headers["ce_subject"] == b"checkout/az1/h1"
    assert headers["ce_time"] == b"2027-01-15T08:00:05.000Z"
    assert json.loads(value or b"")["target"]["zone_id"] == "az1"


async def test_nothing_is_written_when_nothing_changed() -> None:
    world = World()
    service = await world.start()
    before = world.store.saves
    await service.apply([change(action=None)], offset=1, now=at(), control=OFF)
    assert await service.tick(at(1), OFF) == []
    assert world.store.saves == before


async def test_an_alarm_that_leaves_is_written_before_the_ack() -> None:
    world = World()
    service = await world.start()
    await service.apply([change()], offset=0, now=at(), control=ON)
    await service.apply([change(state=AlarmState.OK, seconds=1)], offset=1, now=at(1), control=ON)
    await (await world.start()).tick(at(30), OFF)
    assert world.topics.actions(TOPICS.actions) == []


async def test_a_refused_alarm_is_granted_by_a_later_tick() -> None:
    world = World()
    service = await world.start()
    await service.apply([change()], offset=0, now=at(), control=ON)
    [result] = await service.tick(at(11), OFF)
    assert result.decision.verdict is Decision.GRANTED
    assert len(world.topics.decisions(TOPICS.decisions)) == 2


async def test_the_clock_is_saved_every_minute_while_a_limit_is_partly_spent() -> None:
    world = World(fleet_bucket=BucketLimits(1.0, 1 / 120))
    service = await world.start()
    await service.tick(at(), OFF)
    idle = world.store.saves
    await service.tick(at(CLOCK_SAVE_SECONDS), OFF)
    assert world.store.saves == idle
    await service.apply([change(seconds=60)], offset=0, now=at(61), control=OFF)
    granted = world.store.saves
    for seconds in range(62, 62 + 180):
        await service.tick(at(seconds), OFF)
    assert world.store.saves == granted + 3
    # A restart loses at most the minute since the last record.
    assert world.state().decider["steady_seconds"] >= 120.0


async def test_listeners_receive_results_budgets_and_the_switch() -> None:
    world = World()
    service = await world.start()
    await service.apply([change()], offset=0, now=at(), control=OFF)
    kinds = [type(notice) for notice in world.notices]
    assert kinds == [ActionDecided, BudgetLevel, BudgetLevel, KillSwitchRead]
    assert BudgetLevel("global", 3.0, 4.0) in world.notices
    assert KillSwitchRead(engaged=False, known=True) in world.notices


async def test_each_owner_takes_the_next_epoch_before_it_decides() -> None:
    world = World()
    assert (await world.start()).epoch == 1
    assert (await world.start()).epoch == 2
    assert world.state().decider["epoch"] == 2
