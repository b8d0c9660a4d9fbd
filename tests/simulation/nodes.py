"""Worker and actuator processes: the real services, driven a step at a time.

What Faust and aiokafka do for them is done here in a few lines: fetch from a position, hand over,
commit what is released. A step of a node runs all its coroutines to their end, or to a crash.
"""

import random
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from detector.actuation.admission import Admission
from detector.actuation.service import ActuationService
from detector.core.errors import ExecutorError
from detector.core.vocabulary import Mode
from detector.decisions.actions import Action, Outcome
from detector.decisions.budgets import BucketLimits, CapacityLimits
from detector.decisions.config import DecideConfig
from detector.decisions.decide import Decider
from detector.decisions.service import DecisionService
from detector.detection.alarms import AlarmChange
from detector.detection.evaluate import EvaluateConfig
from detector.detection.service import EvaluationService, EvaluationSettings
from detector.detection.share_test import ShareTestConfig
from detector.ingest.tallying import TallyService, TallySettings
from detector.kafka.publisher import partition_of
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.rules.live_rules import FixedRules
from detector.rules.rules import Filter, Operator, RuleSet
from detector.tables.tally import TallyLimits
from detector.tables.windows import WindowTimes
from tests.builders import Message, rule
from tests.simulation.recount import LATENESS_MS, PANE_MS, TOLERANCE_MS
from tests.simulation.world import (
    LOGS,
    SOURCES,
    TOPICS,
    EpochStore,
    Journal,
    Place,
    Process,
    Publisher,
    Store,
    World,
)

FETCH_RECORDS = 40
TIMES = WindowTimes(
    pane_ms=PANE_MS,
    window_panes=3,
    lateness_ms=LATENESS_MS,
    future_tolerance_ms=TOLERANCE_MS,
    idle_ms=1_000,
    max_wait_ms=2_500,
)
RULES = RuleSet(
    (
        rule("events-by-host"),
        rule(
            "faults-by-host",
            filters=[Filter(("Faults",), Operator.GREATER_THAN, 0.0)],
            value_of=["Faults"],
        ),
    )
)
TALLY = TallySettings(
    rules=RULES,
    mapping=FieldMapping(event_id=("RequestId",)),
    limits=DecodeLimits(),
    times=TIMES,
    tally_limits=TallyLimits(),
    topics=TOPICS,
    max_record_bytes=900,
)
EVALUATION = EvaluationSettings(
    times=TIMES,
    evaluate=EvaluateConfig(windows_required=2, windows_seen=3, share_test=ShareTestConfig(),
                            top_n=20),
    topics=TOPICS,
)  # fmt: skip
FLEET_BUCKET = BucketLimits(2.0, 0.1)
LOCAL_BUCKET = BucketLimits(3.0, 0.1)
DECIDE = DecideConfig(
    mode=Mode.ENFORCE,
    fleet_bucket=FLEET_BUCKET,
    global_bucket=BucketLimits(3.0, 0.1),
    capacity=CapacityLimits(0.5, 60.0),
    healthy_floor=0.5,
    shift_seconds=60.0,
    action_expires_seconds=4.0,
    cool_down_seconds=2.0,
    evidence_max_age_seconds=20.0,
    repeat_after_seconds=4.0,
    reconsider_seconds=0.5,
)


class Worker:
    """One worker process: tally, evaluation and decider for the places that it believes to own."""

    def __init__(self, world: World, name: str, chance: random.Random) -> None:
        self.process = Process(name, chance)
        self.positions: dict[Place, int] = {}
        self.paused: set[Place] = set()
        self._world = world
        self._chance = chance
        publisher = Publisher(world, self.process)
        self.tally: TallyService[int] = TallyService(
            TALLY,
            publisher,
            lambda _notice: None,
            lambda: dict(SOURCES),
            partition_of=partition_of,
        )
        self._evaluation: EvaluationService[int] = EvaluationService(
            EVALUATION,
            publisher,
            Store(world, self.process, "alarms"),
            Store(world, self.process, "contributors"),
            lambda _notice: None,
            lambda: 0.0,
            FixedRules(RULES),
        )
        self.decider = Decider(DECIDE)
        store = EpochStore(world, self.process, "decider")
        store.epoch = lambda: self.decider.epoch
        self._decisions = DecisionService(
            decider=self.decider, store=store, publisher=publisher, topics=TOPICS
        )
        self.consumed: dict[Place, int] = {}

    async def assign(self, place: Place) -> None:
        """Take over a partition at its committed offset."""
        committed = self._world.committed.get(place)
        topic, partition = place
        begin = committed if committed is not None else self._first_offset(place)
        self.positions[place] = begin
        if topic == LOGS:
            self.consumed[place] = 0
            self.tally.started(topic, partition, begin, had_commit=committed is not None)
        elif topic == TOPICS.tallies:
            await self._evaluation.assigned(partition)
        else:
            await self._decisions.recover()

    def _first_offset(self, place: Place) -> int:
        """Without a commit, logs are read from one window ago on, our own topics from the start."""
        if place[0] != LOGS:
            return 0
        since = int(self._world.wall * 1000) - TIMES.window_ms
        log = self._world.log(place)
        begin = next((at for at, record in enumerate(log) if record.record_ms >= since), len(log))
        self._world.is_skipped = self._world.is_skipped or begin > 0
        return begin

    def revoke(self, place: Place) -> None:
        """Give a partition up."""
        del self.positions[place]
        topic, partition = place
        if topic == LOGS:
            self.tally.revoked(topic, partition)
        elif topic == TOPICS.tallies:
            self._evaluation.revoked(partition)

    async def step(self, owns: Iterable[Place]) -> None:
        """Read what there is in every partition, in any order; commits count for owned ones."""
        owned = set(owns)
        places = sorted(self.positions)
        self._chance.shuffle(places)
        for place in places:
            if place in self.paused:
                continue
            records = self._world.log(place)[self.positions[place] :][:FETCH_RECORDS]
            self.process.note = (place, self.positions[place] + len(records))
            if place[0] == LOGS:
                released = await self._tally(place, records)
            elif place[0] == TOPICS.tallies:
                released = await self._evaluate(place, records)
            else:
                released = await self._decide(place, records)
            if place in owned and released is not None:
                self._world.committed[place] = released

    async def _tally(self, place: Place, records: list[Any]) -> int | None:
        topic, partition = place
        end = self.positions[place] + len(records)
        if records:
            begin = self.positions[place]
            messages = [
                Message(record.value, record.record_ms, begin + at, record.key, record.headers)
                for at, record in enumerate(records)
            ]
            await self.tally.apply(topic, partition, messages, end, end)
            self.consumed[place] += len(records)
            self.positions[place] = end
        if end == len(self._world.log(place)) and self._chance.random() < 0.7:
            await self.tally.end_of_log(topic, partition, end, self._world.wall)
        return max(self.tally.release(topic, partition), default=None)

    async def _evaluate(self, place: Place, records: list[Any]) -> int | None:
        for record in records:
            self.positions[place] += 1
            await self._evaluation.apply(
                place[1], record.value, self.positions[place], self._world.wall
            )
        await self._evaluation.advance(place[1], self._world.wall)
        return max(self._evaluation.release(place[1]), default=None)

    async def _decide(self, place: Place, records: list[Any]) -> int | None:
        world = self._world
        if records:
            changes = [msgspec.json.decode(record.value, type=AlarmChange) for record in records]
            self.positions[place] += len(records)
            await self._decisions.apply(
                changes,
                offset=self.positions[place] - 1,
                now=world.steady(),
                control=world.control(),
            )
            return self.positions[place]
        await self._decisions.tick(world.steady(), world.control())
        return None


class Provider:
    """``Executor`` that notes every call; it may refuse, and its caller may die after it."""

    name = "provider"

    def __init__(
        self,
        world: World,
        process: Process,
        chance: random.Random,
        watch: Callable[[str], None],
    ) -> None:
        self._world = world
        self._process = process
        self._chance = chance
        self._watch = watch

    async def execute(self, action: Action) -> str:
        self._process.spark()
        self._watch(action.id)
        self._world.executed.append((action.id, self._world.true))
        self._process.spark()
        if self._chance.random() < 0.1:
            raise ExecutorError("the provider said no", retryable=True)
        return f"done-{action.id[:8]}"


class Actuator:
    """One actuator process."""

    def __init__(
        self, world: World, name: str, chance: random.Random, watch: Callable[[str], None]
    ) -> None:
        self.process = Process(name, chance)
        self._world = world
        place = (TOPICS.outcomes, 0)
        journal = [msgspec.json.decode(r.value or b"", type=Outcome) for r in world.log(place)]
        self._service = ActuationService(
            admission=Admission(journal, budget=LOCAL_BUCKET),
            executor=Provider(world, self.process, chance, watch),
            journal=Journal(world, self.process, msgspec.json.encode),
            control=world.control,
            clock=world.steady,
        )
        self._position = world.committed.get((TOPICS.actions, 0), 0)
        self._is_started = False

    async def step(self, *, owns: bool) -> None:
        """Carry out what there is."""
        if not self._is_started:
            await self._service.start()
            self._is_started = True
        for record in self._world.log((TOPICS.actions, 0))[self._position :]:
            await self._service.handle(record.value or b"")
            self._position += 1
            if owns:
                self._world.committed[TOPICS.actions, 0] = self._position
