"""Actuation: the acceptance is durable before the call, and no call is made twice."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from detector.actuation.admission import Admission
from detector.actuation.service import CRASH_POINTS, ActuationService
from detector.core.errors import ExecutorError
from detector.core.notices import KillSwitchRead, Notice, OutcomeRecorded
from detector.core.steady_time import SteadyTime
from detector.core.topics import Topics
from detector.core.vocabulary import Mode, OutcomeState
from detector.decisions.actions import Action
from detector.decisions.budgets import BucketLimits
from detector.decisions.decide import DecideConfig, Decider
from detector.decisions.kill_switch import ControlView
from detector.decisions.service import DecisionService
from tests.support.deciding import OFF, ON, action, at, change, shift
from tests.support.durable import (
    CountingExecutor,
    Crash,
    MemoryJournal,
    MemoryStore,
    MemoryTopics,
    crash_at,
)

ACCEPTED, SUCCEEDED = OutcomeState.ACCEPTED, OutcomeState.SUCCEEDED


class Scene:
    """A journal that survives, an executor that counts, and a clock and a switch to turn."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.executor = CountingExecutor()
        self.now = at()
        self.control = OFF
        self.notices: list[Notice] = []

    def clock(self) -> SteadyTime:
        return self.now

    async def start(self, crash: Callable[[str], None] = lambda _: None) -> ActuationService:
        service = ActuationService(
            admission=Admission(self.journal.outcomes, budget=BucketLimits(4.0, 1 / 300)),
            executor=self.executor,
            journal=self.journal,
            control=lambda: self.control,
            clock=self.clock,
            notify=self.notices.append,
            crash_point=crash,
        )
        await service.start()
        return service


def raw(of: Action) -> bytes:
    return msgspec.json.encode(of)


async def test_the_acceptance_is_in_the_journal_before_the_provider_is_called() -> None:
    scene = Scene()

    class Watching(CountingExecutor):
        async def execute(self, action: Action) -> str:
            assert scene.journal.states(action.id) == [ACCEPTED]
            scene.now = at(3)
            return await super().execute(action)

    scene.executor = Watching()
    service = await scene.start()
    end = await service.handle(raw(action()))
    assert scene.journal.states("a1") == [ACCEPTED, SUCCEEDED]
    assert end == scene.journal.outcomes[-1]
    assert end is not None
    assert (end.provider_reference, end.executor, end.duration_seconds) == ("ref-a1", "counting", 3)


async def test_an_action_that_comes_again_is_ignored_silently() -> None:
    scene = Scene()
    service = await scene.start()
    await service.handle(raw(action()))
    assert await service.handle(raw(action())) is None
    assert (service.duplicates, service.unreadable) == (1, 0)
    assert scene.executor.calls == ["a1"]
    assert len(scene.journal.outcomes) == 2


async def test_what_is_no_action_is_counted() -> None:
    scene = Scene()
    service = await scene.start()
    assert await service.handle(b"{") is None
    assert (service.duplicates, service.unreadable) == (0, 1)
    assert scene.journal.outcomes == []


async def test_a_refusal_is_recorded_with_its_reason_and_nothing_is_called() -> None:
    scene = Scene()
    service = await scene.start()
    end = await service.handle(raw(action(mode=Mode.OBSERVE)))
    assert end is not None
    assert (end.state, end.reason) == (OutcomeState.REFUSED, "not_enforced: mode observe")
    assert scene.executor.calls == []
    assert [type(notice) for notice in scene.notices] == [KillSwitchRead, OutcomeRecorded]


async def test_an_expired_action_is_recorded_as_expired() -> None:
    scene = Scene()
    service = await scene.start()
    scene.now = at(600)
    end = await service.handle(raw(action()))
    assert end is not None
    assert end.state is OutcomeState.EXPIRED


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ExecutorError("webhook answered 400", retryable=False), "webhook answered 400"),
        (RuntimeError("secret inside"), "executor failed with RuntimeError"),
    ],
)
async def test_a_failed_call_is_an_outcome(error: Exception, reason: str) -> None:
    scene = Scene()
    scene.executor = CountingExecutor(error)
    end = await (await scene.start()).handle(raw(action()))
    assert end is not None
    assert (end.state, end.reason) == (OutcomeState.FAILED, reason)


@pytest.mark.parametrize(
    ("turn", "state"),
    [
        ({"control": ON}, OutcomeState.REFUSED),
        ({"control": ControlView.unknown("lost")}, OutcomeState.REFUSED),
        ({"now": at(601)}, OutcomeState.EXPIRED),
    ],
)
async def test_a_switch_or_an_expiry_during_the_writing_of_the_acceptance_wins(
    turn: dict[str, Any], state: OutcomeState
) -> None:
    scene = Scene()

    def turned(point: str) -> None:
        if point == "after_accepted":
            for name, value in turn.items():
                setattr(scene, name, value)

    end = await (await scene.start(turned)).handle(raw(action()))
    assert end is not None
    assert end.state is state
    assert scene.executor.calls == []
    assert scene.journal.states("a1") == [ACCEPTED, state]


EXPECTED = {
    "before_accepted": ([ACCEPTED, SUCCEEDED], 1),
    "after_accepted": ([ACCEPTED, OutcomeState.INTERRUPTED], 0),
    "after_execute": ([ACCEPTED, OutcomeState.INTERRUPTED], 1),
    "after_outcome": ([ACCEPTED, SUCCEEDED], 1),
}


@pytest.mark.parametrize("point", CRASH_POINTS)
async def test_after_a_crash_at_any_point_the_provider_was_called_at_most_once(point: str) -> None:
    scene = Scene()
    service = await scene.start(crash_at(point))
    with pytest.raises(Crash):
        await service.handle(raw(action()))
    for _ in range(2):
        survivor = await scene.start()
        await survivor.handle(raw(action()))
    states, calls = EXPECTED[point]
    assert scene.journal.states("a1") == states
    assert len(scene.executor.calls) == calls


async def test_of_two_owners_at_once_only_the_first_in_the_journal_begins() -> None:
    scene = Scene()
    one, two = await scene.start(), await scene.start()
    await one.handle(raw(action()))
    assert await two.handle(raw(action())) is None
    assert two.duplicates == 1
    assert scene.executor.calls == ["a1"]


async def test_of_two_owners_at_once_only_the_first_shifts_a_zone_away() -> None:
    """Two deciders that do not know of each other may grant one zone each; one is done."""
    scene = Scene()
    one, two = await scene.start(), await scene.start()
    await one.handle(raw(shift("s1", "az3")))
    end = await two.handle(raw(shift("s2", "az1")))
    assert end is not None
    assert (end.state, end.reason) == (OutcomeState.REFUSED, "another_zone_is_away: az3")
    assert scene.executor.calls == ["s1"]
    # The refused one keeps no zone away, the other one does, also for whoever comes next.
    third = await (await scene.start()).handle(raw(shift("s3", "az1")))
    assert third is not None
    assert third.reason == "another_zone_is_away: az3"


@pytest.mark.parametrize("point", ["after_state_record", "after_action", "before_ack"])
async def test_two_deciders_and_crashes_on_both_sides_accept_each_action_once(point: str) -> None:
    """The decider dies, a second one takes over, the first one comes back: one acceptance each."""
    store, topics, names = MemoryStore(), MemoryTopics(), Topics()

    async def decider(crash: Callable[[str], None] = lambda _: None) -> DecisionService:
        service = DecisionService(
            decider=Decider(DecideConfig(mode=Mode.ENFORCE)),
            store=store,
            publisher=topics,
            topics=names,
            crash_point=crash,
        )
        await service.recover()
        return service

    stale = await decider()
    dying = await decider(crash_at(point))
    with pytest.raises(Crash):
        await dying.apply([change()], offset=0, now=at(), control=OFF)
    survivor = await decider()
    await survivor.apply([change()], offset=0, now=at(1), control=OFF)
    scene = Scene()
    service = await scene.start()
    for value in topics.values(names.actions):
        await service.handle(value)
    # The first owner never noticed that it was replaced and decides on another alarm.
    await stale.apply([change(rule_host())], offset=1, now=at(2), control=OFF)
    late = await service.handle(topics.values(names.actions)[-1])
    assert late is not None
    assert late.reason == "older_epoch: epoch 1, newest seen 2"
    assert len(scene.journal.accepted()) == 1
    assert len(scene.executor.calls) == 1


def rule_host() -> Any:
    """Return a target in another service."""
    return msgspec.structs.replace(action().target, service="cart")
