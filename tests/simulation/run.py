"""One run: a seed draws the story, the faults and every order; the same seed, the same run."""

import asyncio
import hashlib
import random
from collections.abc import Awaitable
from contextlib import closing
from dataclasses import dataclass

from tests.simulation.checkers import Checkers
from tests.simulation.fleet import STORIES, Dirt, Fleet, Story
from tests.simulation.nodes import Actuator, Worker
from tests.simulation.world import LOGS, SOURCES, TOPICS, Crash, Place, Record, World

STEP_SECONDS = 0.5
STEPS = 26
HEALING_STEPS = 14
PLACES: tuple[Place, ...] = (
    *((LOGS, partition) for partition in range(SOURCES[LOGS])),
    *((TOPICS.tallies, partition) for partition in range(TOPICS.tally_partitions)),
    (TOPICS.alarms, 0),
)
DECIDER: Place = (TOPICS.alarms, 0)


@dataclass(frozen=True, slots=True)
class Faults:
    """Chance per step of each fault; none of them by default."""

    crash: float = 0.0
    fuse: float = 0.0
    rebalance: float = 0.0
    takeover: float = 0.0
    pause: float = 0.0
    jump: float = 0.0
    switch: float = 0.0
    blind: float = 0.0
    actuator_crash: float = 0.0
    begins_inside: bool = False

    @staticmethod
    def drawn(chance: random.Random) -> "Faults":
        """Draw which faults a run has, so that each also comes alone."""

        def some(rate: float) -> float:
            return rate if chance.random() < 0.4 else 0.0

        return Faults(
            crash=some(0.06), fuse=some(0.15), rebalance=some(0.1), takeover=some(0.08),
            pause=some(0.06), jump=some(0.04), switch=some(0.05), blind=some(0.05),
            actuator_crash=some(0.15), begins_inside=chance.random() < 0.15,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Journal:
    """What can be compared of a run."""

    digest: str
    story: str
    actions: int
    executed: int
    whole_windows: int
    crashes: int
    has_jumped: bool


class Run:
    """The world, its processes, and the order in which they take turns."""

    def __init__(
        self, seed: int, *, story: Story | None = None, faults: Faults | None = None
    ) -> None:
        self.chance = random.Random(seed)
        self.story = story or self.chance.choice(STORIES)
        self.faults = faults or Faults.drawn(self.chance)
        dirt = (
            Dirt(*(self.chance.choice((0.0, 0.05)) for _ in range(4))) if faults is None else Dirt()
        )
        self.world = World(self.chance)
        self.checkers = Checkers(self.world, healthy=self.story.is_healthy)
        self.fleet = Fleet(self.story, dirt, self.chance)
        self.workers: list[Worker] = []
        self.actuators: list[Actuator] = []
        self.owner: dict[Place, Worker] = {}
        self.crashes = 0
        self._born = 0

    def go(self) -> Journal:
        """Run to the end."""
        with closing(asyncio.new_event_loop()) as self._loop:
            if self.faults.begins_inside:
                self._log_lines(8)
            self._join()
            self._join()
            for _ in range(STEPS):
                self._step(self.faults)
                self._log_lines(1)
            self.world.jump = 0.0
            self.world.is_known = True
            for worker in self.workers:
                worker.paused.clear()
                worker.process.fuse = None
            for _ in range(HEALING_STEPS):
                self._step(Faults())
                self.world.true += STEP_SECONDS
            self.checkers.on_end()
        return self._journal()

    def _log_lines(self, ticks: int) -> None:
        for _ in range(ticks):
            self.world.true += STEP_SECONDS
            stamp = round((self.world.wall - self.world.jump) * 1000)
            for line in self.fleet.tick(self.world.true):
                place = (LOGS, self.chance.randrange(SOURCES[LOGS]))
                self.world.append(place, Record(line, record_ms=stamp))

    def _do(self, work: Awaitable[None]) -> bool:
        """Run one process's coroutine; false when the process died of it."""

        async def finish() -> bool:
            try:
                await work
            except Crash:
                for task in asyncio.all_tasks() - {asyncio.current_task()}:
                    task.cancel()
                await asyncio.sleep(0)
                return False
            return True

        return self._loop.run_until_complete(finish())

    def _join(self) -> None:
        self._born += 1
        self.workers.append(Worker(self.world, f"worker-{self._born}", self.chance))
        self._rebalance()

    def _rebalance(self) -> None:
        """Spread the places over the workers; who keeps one is not disturbed."""
        if not self.workers:
            self.owner.clear()
            return
        turn = self.chance.randrange(len(self.workers))
        spread = {
            place: self.workers[(number + turn) % len(self.workers)]
            for number, place in enumerate(PLACES)
        }
        for place, owner in spread.items():
            # Who dies while taking over has been buried, and its places spread anew.
            if owner in self.workers:
                self._move(place, owner)

    def _move(self, place: Place, owner: Worker, *, notified: bool = True) -> None:
        """Give a place to ``owner``; the old one keeps it for a while if it is not ``notified``."""
        if notified:
            for worker in self.workers:
                if worker is not owner and place in worker.positions:
                    worker.revoke(place)
                    self.checkers.forget(worker, place)
        if self.owner.get(place) is owner and place in owner.positions:
            return
        if place in owner.positions:
            owner.revoke(place)
        self.checkers.forget(owner, place)
        self.owner[place] = owner
        if owner in self.workers and not self._do(owner.assign(place)):
            self._bury(owner)

    def _bury(self, worker: Worker) -> None:
        self.crashes += 1
        if worker in self.workers:
            self.workers.remove(worker)
            self._rebalance()

    def _step(self, faults: Faults) -> None:
        self._break_things(faults)
        self.checkers.on_tick()
        if len(self.workers) < 2 and (not self.workers or self.chance.random() < 0.5):
            self._join()
        if not self.actuators:
            self.actuators.append(self._new_actuator())
        for worker in self.chance.sample(self.workers, len(self.workers)):
            if worker in self.workers:
                owned = [place for place, owner in self.owner.items() if owner is worker]
                if not self._do(worker.step(owned)):
                    self._bury(worker)
        for actuator in list(self.actuators):
            if not self._do(actuator.step(owns=actuator is self.actuators[-1])):
                self.crashes += 1
                self.actuators.remove(actuator)
        self.checkers.on_step(self.workers)

    def _break_things(self, faults: Faults) -> None:
        chance, world = self.chance, self.world
        if self.workers:
            self._break_workers(faults)
        if self.actuators and chance.random() < faults.actuator_crash:
            self._break_actuator()
        if chance.random() < faults.jump:
            world.jump = chance.choice((3_600.0, -3_600.0)) if not world.jump else 0.0
            world.has_jumped = True
        if chance.random() < faults.switch:
            world.engaged = not world.engaged
        if chance.random() < (faults.blind if world.is_known else 0.5):
            world.is_known = not world.is_known

    def _break_workers(self, faults: Faults) -> None:
        chance = self.chance
        if chance.random() < faults.crash:
            self._bury(chance.choice(self.workers))
        if self.workers and chance.random() < faults.fuse:
            chance.choice(self.workers).process.fuse = chance.randrange(25)
        if chance.random() < faults.rebalance:
            self._rebalance()
        if len(self.workers) > 1 and chance.random() < faults.takeover:
            place = chance.choice((DECIDER, DECIDER, *PLACES[: SOURCES[LOGS]]))
            self._move(place, chance.choice(self.workers), notified=False)
        if self.workers and chance.random() < faults.pause:
            chance.choice(self.workers).paused ^= {chance.choice(PLACES[: SOURCES[LOGS]])}

    def _break_actuator(self) -> None:
        if self.chance.random() < 0.7:
            self.actuators[-1].process.fuse = self.chance.randrange(4)
        else:
            # A second owner, while the first one goes on.
            self.actuators = [self.actuators[-1], self._new_actuator()]

    def _new_actuator(self) -> Actuator:
        self._born += 1
        name = f"actuator-{self._born}"
        return Actuator(self.world, name, self.chance, self.checkers.on_execute)

    def _journal(self) -> Journal:
        digest = hashlib.sha256()
        for place in sorted(self.world.logs):
            for record in self.world.logs[place]:
                digest.update(repr((place, record.key, record.value, record.writer)).encode())
        digest.update(repr((self.world.executed, sorted(self.world.tables))).encode())
        return Journal(
            digest=digest.hexdigest(),
            story=self.story.name,
            actions=len(self.world.log((TOPICS.actions, 0))),
            executed=len(self.world.executed),
            whole_windows=self.checkers.whole_windows,
            crashes=self.crashes,
            has_jumped=self.world.has_jumped,
        )
