"""The agents: nothing leaves them, and what began before a rebalance ends with it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from faust.types import TP

from detector.core.topics import Topics
from detector.kafka.faust_app import EXIT_FATAL, Agents
from tests.support.deciding import OFF, at, change

TOPICS = Topics()
TALLIES, ALARMS = (TOPICS.tallies, 1), (TOPICS.alarms, 0)
BEGIN = 5


class Event:
    """A record as Faust hands it over."""

    def __init__(self, value: Any, topic: str, partition: int = 0, offset: int = BEGIN) -> None:
        self.value = value
        self.message = SimpleNamespace(topic=topic, partition=partition, offset=offset)
        self.acknowledged = asyncio.Event()

    @property
    def acked(self) -> bool:
        return self.acknowledged.is_set()

    def ack(self) -> None:
        self.acknowledged.set()


class Stream:
    """A stream of a few events."""

    def __init__(self, *events: Event) -> None:
        self._events = events

    def noack(self) -> "Stream":
        return self

    async def events(self) -> AsyncIterator[Event]:
        for event in self._events:
            yield event


class Evaluation:
    """Takes partitions over while ``gate`` is open, and releases what it took."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.owned: set[int] = set()
        self.taken: list[Any] = []
        self.error: BaseException | None = None

    @property
    def partitions(self) -> tuple[int, ...]:
        return tuple(self.owned)

    async def assigned(self, partition: int) -> None:
        self.owned.add(partition)
        await self.gate.wait()

    def revoked(self, partition: int) -> None:
        self.owned.discard(partition)

    async def apply(self, partition: int, raw: bytes, token: Any, now: float) -> None:
        assert raw is not None
        assert now > 0.0
        if self.error is not None:
            raise self.error
        if partition in self.owned:
            self.taken.append(token)

    def release(self, partition: int) -> Iterator[Any]:
        assert partition >= 0
        while self.taken:
            yield self.taken.pop(0)


class Decisions:
    """Recovers while ``gate`` is open; counts what it was asked."""

    epoch = 1

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.recoveries = 0
        self.ticks = 0
        self.applied: list[int] = []

    async def recover(self) -> None:
        self.recoveries += 1
        await self.gate.wait()

    async def apply(self, changes: list[Any], *, offset: int, now: Any, control: Any) -> None:
        assert control is OFF
        assert now == at()
        assert changes
        self.applied.append(offset)

    async def tick(self, now: Any, control: Any) -> None:
        assert (now, control) == (at(), OFF)
        self.ticks += 1


class World:
    """Agents on stand-ins for Faust and the services."""

    def __init__(self) -> None:
        self.evaluation, self.decisions = Evaluation(), Decisions()
        self.assignment: list[tuple[str, int]] = [TALLIES, ALARMS]
        self.sought: list[tuple[str, int]] = []
        consumer = SimpleNamespace(
            assignment=lambda: [SimpleNamespace(topic=t, partition=p) for t, p in self.assignment],
            seek_to_committed=self._seek_to_committed,
            earliest_offsets=self._earliest_offsets,
            seek=self._seek,
        )
        self.app = cast("Any", SimpleNamespace(consumer=consumer, should_stop=False))
        anything: Any = None
        evaluation: Any = self.evaluation
        decisions: Any = self.decisions
        self.agents = Agents(
            self.app,
            TOPICS,
            tally=anything,
            evaluation=evaluation,
            decisions=decisions,
            control=lambda: OFF,
            now=lambda: 1.0,
            steady=at,
        )

    async def _seek_to_committed(self) -> dict[Any, int | None]:
        return {TP(topic, partition): None for topic, partition in (TALLIES, ALARMS, ("logs", 0))}

    async def _earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        assert TP("logs", 0) not in tps
        return dict.fromkeys(tps, BEGIN)

    async def _seek(self, tp: TP, offset: int) -> None:
        self.sought.append((tp.topic, offset))

    async def assign(self) -> None:
        await self.agents._on_assigned()

    async def revoke(self) -> None:
        await self.agents._on_revoked(self.app, self.assignment)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Exit statuses with which the process would have ended."""
    found: list[int] = []
    monkeypatch.setattr("os._exit", found.append)
    return found


async def settle(work: Callable[[], Awaitable[Any]]) -> "asyncio.Future[Any]":
    """Start ``work`` and let it come as far as it can."""
    task = asyncio.ensure_future(work())
    for _ in range(10):
        await asyncio.sleep(0)
    return task


async def test_a_worker_is_ready_when_it_has_taken_over_what_it_was_assigned(world: World) -> None:
    await world.assign()
    assert (True, True, {1}) == (world.agents.ready, world.agents.decides, world.evaluation.owned)
    await world.agents._reconsider()
    await world.revoke()
    await world.agents._reconsider()
    assert (False, False, set()) == (
        world.agents.ready,
        world.agents.decides,
        world.evaluation.owned,
    )
    assert 1 == world.decisions.ticks


async def test_a_decider_that_loses_its_partition_while_recovering_does_not_decide(
    world: World,
) -> None:
    world.decisions.gate.clear()
    taking_over = await settle(world.assign)
    await world.revoke()
    world.decisions.gate.set()
    await taking_over
    await world.agents._reconsider()
    assert (False, False, 0) == (world.agents.ready, world.agents.decides, world.decisions.ticks)
    world.assignment = [ALARMS]
    await world.assign()
    assert (True, True, 2) == (
        world.agents.ready,
        world.agents.decides,
        world.decisions.recoveries,
    )


async def test_changes_gathered_before_a_rebalance_are_not_applied_after_it(world: World) -> None:
    await world.assign()
    event = Event(msgspec.json.encode(change()), *ALARMS)
    generation = world.agents._generation
    await world.revoke()
    await world.agents._decide([(event, change())], generation)
    assert ([], False, False) == (world.decisions.applied, event.acked, world.agents.decides)
    assert 1 == world.decisions.recoveries


async def test_a_tally_from_before_a_rebalance_takes_no_partition_over(world: World) -> None:
    """Else the next owner, who is us again, would find its partition taken with a stale ring."""
    world.evaluation.gate.clear()
    taking_over = await settle(world.assign)
    event = Event(b"tally", *TALLIES)
    late = await settle(lambda: world.agents._evaluate(event))
    await world.revoke()
    world.evaluation.gate.set()
    await asyncio.gather(taking_over, late)
    assert (set(), False) == (world.evaluation.owned, event.acked)
    await world.assign()
    fresh = Event(b"tally", *TALLIES)
    await world.agents._run_evaluate(Stream(fresh))
    assert ({1}, True) == (world.evaluation.owned, fresh.acked)


@pytest.mark.parametrize("value", [None, b"", b"\xff", b'{"schema":"\xff"}', b"[]", b'{"id":1}'])
async def test_an_alarm_that_cannot_be_read_is_passed_over(world: World, value: Any) -> None:
    """Bytes that are not UTF-8 raise another error than bytes that are not JSON."""
    bad, good = Event(value, *ALARMS), Event(msgspec.json.encode(change()), *ALARMS, offset=6)
    await world.assign()
    await world.agents._run_decide(Stream(bad, good))
    # Acks are given in order, so the bad one waits for its turn as well.
    assert (False, False) == (bad.acked, good.acked)
    gathering = await settle(world.agents._decide_gathered)
    async with asyncio.timeout(10):
        await good.acknowledged.wait()
    world.app.should_stop = True
    gathering.cancel()
    assert bad.acked
    assert [6] == world.decisions.applied


async def test_what_a_service_cannot_survive_ends_the_process_and_acks_nothing(
    world: World, exits: list[int]
) -> None:
    await world.assign()
    world.evaluation.error = RuntimeError("the broker did not take it")
    event = Event(b"tally", *TALLIES)
    await world.agents._run_evaluate(Stream(event))
    assert ([EXIT_FATAL], False) == (exits, event.acked)


async def test_cancellation_is_no_failure(world: World, exits: list[int]) -> None:
    await world.assign()
    world.evaluation.error = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await world.agents._run_evaluate(Stream(Event(b"tally", *TALLIES)))
    assert [] == exits


async def test_what_was_never_committed_is_read_from_its_beginning(world: World) -> None:
    await world.assign()
    assert [(TOPICS.tallies, 5), (TOPICS.alarms, 5)] == world.sought


async def test_after_a_gap_the_reader_is_sent_back_and_nothing_is_left_out(world: World) -> None:
    """A rebalance may empty Faust's queue of records that it will not fetch again by itself."""
    await world.assign()
    world.sought.clear()
    came = [Event(b"tally", *TALLIES, offset=offset) for offset in (5, 8, 9, 6, 7, 8, 9)]
    await world.agents._run_evaluate(Stream(*came))
    assert [(TOPICS.tallies, 6)] == world.sought
    assert [True, False, False, True, True, True, True] == [event.acked for event in came]


async def test_records_of_a_partition_that_is_not_ours_are_left_alone(world: World) -> None:
    event = Event(b"tally", *TALLIES, offset=5)
    await world.agents._run_evaluate(Stream(event))
    assert (False, set(), []) == (event.acked, world.evaluation.owned, world.sought)
