"""What survives every crash: topics, committed offsets, tables, and the outside world's clocks.

Nothing here knows what the detector means by its records. Time moves only when the run says so;
``true`` seconds always go forward, the wall clock that processes read may jump.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from detector.actuation.service import AlreadyAcceptedError
from detector.core.steady_time import SteadyTime
from detector.core.topics import Topics
from detector.core.vocabulary import OutcomeState
from detector.decisions.actions import Outcome
from detector.decisions.kill_switch import ControlView
from detector.kafka.publisher import partition_of

EPOCH_SECONDS = 1_700_000_000.0
TOPICS = Topics(tally_partitions=2)
LOGS = "logs"
SOURCES = {LOGS: 2}
PARTITIONS = {LOGS: 2, TOPICS.tallies: 2, TOPICS.reports: 2}
Place = tuple[str, int]
"""Topic and partition."""


class Crash(BaseException):
    """The process dies here, with all that it remembers; nothing may catch it on the way."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a topic. ``note`` says from which place and offset its writer was reading."""

    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    record_ms: int = 0
    writer: str = ""
    note: tuple[Place, int] | None = None


class Process:
    """One process: it lives until its fuse burns down, on a durable write or beside one."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self.name = name
        self.is_dead = False
        self.fuse: int | None = None
        self.note: tuple[Place, int] | None = None
        self._chance = chance

    def spark(self) -> None:
        """Pass one point at which the process may die; dead processes die again."""
        if self.fuse is not None:
            self.fuse -= 1
            self.is_dead = self.is_dead or self.fuse < 0
        if self.is_dead:
            raise Crash(self.name)

    def delay(self) -> int:
        """Return how many turns of others a write takes."""
        return self._chance.randrange(3)


@dataclass(slots=True)
class World:
    """The durable state and the clocks."""

    chance: random.Random
    true: float = 0.0
    jump: float = 0.0
    engaged: bool = False
    is_known: bool = True
    is_skipped: bool = False
    has_jumped: bool = False
    logs: dict[Place, list[Record]] = field(default_factory=dict)
    committed: dict[Place, int] = field(default_factory=dict)
    tables: dict[tuple[str, int], dict[str, bytes]] = field(default_factory=dict)
    executed: list[tuple[str, float]] = field(default_factory=list)
    watch: Callable[[Place, Record], None] = lambda _place, _record: None

    @property
    def wall(self) -> float:
        """What the wall clock shows, in epoch seconds."""
        return EPOCH_SECONDS + self.true + self.jump

    @property
    def may_act(self) -> bool:
        """Say whether the kill switch is known to be off."""
        return self.is_known and not self.engaged

    def steady(self) -> SteadyTime:
        """Both clocks of a process."""
        return SteadyTime(self.wall, 5_000.0 + self.true)

    def control(self) -> ControlView:
        """What is known of the kill switch."""
        if not self.is_known:
            return ControlView.unknown("control topic not read")
        return ControlView(known=True, engaged=self.engaged, reason="drill", read_at=self.wall)

    def log(self, place: Place) -> list[Record]:
        """Return the records of a partition."""
        return self.logs.setdefault(place, [])

    def append(self, place: Place, record: Record) -> int:
        """Write durably and return the offset."""
        log = self.log(place)
        log.append(record)
        self.watch(place, record)
        return len(log) - 1


class Publisher:
    """``RecordPublisher`` of one process."""

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process

    async def publish(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> None:
        process = self._process
        note = process.note
        for _ in range(process.delay()):
            await asyncio.sleep(0)
        process.spark()
        count = PARTITIONS.get(topic, 1)
        chosen = partition_of((key or b"").decode(), count) if partition is None else partition
        self._world.append(
            (topic, chosen),
            Record(value, key, tuple(headers), int(self._world.wall * 1000), process.name, note),
        )
        # Written, but whether its writer lives to know it is another question.
        process.spark()


class Store:
    """``StateStore`` of one process over a durable table."""

    def __init__(self, world: World, process: Process, table: str) -> None:
        self._world = world
        self._process = process
        self._table = table

    def rows(self, partition: int) -> dict[str, bytes]:
        """Return the table's partition."""
        return self._world.tables.setdefault((self._table, partition), {})

    def load(self, partition: int, key: str) -> bytes | None:
        return self.rows(partition).get(key)

    async def save(self, partition: int, key: str, record: bytes) -> None:
        self._process.spark()
        self.rows(partition)[key] = record
        self._process.spark()


class EpochStore(Store):
    """Records under the epoch of their owner; the highest epoch is read."""

    epoch: Callable[[], int] = staticmethod(lambda: 0)

    def load(self, partition: int, key: str) -> bytes | None:
        mine = [name for name in self.rows(partition) if name.startswith(f"{key}/")]
        return self.rows(partition)[max(mine)] if mine else None

    async def save(self, partition: int, key: str, record: bytes) -> None:
        await super().save(partition, f"{key}/{self.epoch():020d}", record)


class Journal:
    """``OutcomeJournal`` of one process: of two acceptances the first in the topic wins."""

    def __init__(self, world: World, process: Process, encode: Callable[[Outcome], bytes]) -> None:
        self._world = world
        self._process = process
        self._encode = encode
        self._applied = len(world.log((TOPICS.outcomes, 0)))

    async def append(self, outcome: Outcome, apply: Callable[[Outcome], None]) -> None:
        self._process.spark()
        place = (TOPICS.outcomes, 0)
        before = self._world.tables.setdefault(("accepted", 0), {})
        record = Record(
            self._encode(outcome), outcome.action_id.encode(), writer=self._process.name
        )
        self._world.append(place, record)
        self._process.spark()
        if outcome.state is OutcomeState.ACCEPTED:
            for record in self._world.log(place)[self._applied :]:
                apply(msgspec.json.decode(record.value or b"", type=Outcome))
                self._applied += 1
            first = before.setdefault(outcome.action_id, self._process.name.encode())
            if first != self._process.name.encode():
                raise AlreadyAcceptedError(outcome.action_id)
