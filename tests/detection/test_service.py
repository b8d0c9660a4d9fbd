"""Windows become durable reports and alarm changes, each told once, whatever crashes or moves."""

import asyncio
import re
import zlib
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from detector.core.notices import (
    AlarmMoved,
    ContributorsUntracked,
    Notice,
    TallyReceived,
    WindowEvaluated,
)
from detector.core.topics import Topics
from detector.core.vocabulary import AlarmState
from detector.detection import service as evaluating
from detector.detection.alarms import AlarmChange
from detector.detection.evaluate import EvaluateConfig
from detector.detection.service import EvaluationError, EvaluationService, EvaluationSettings
from detector.tables.pane_records import encode_pane_record
from detector.tables.reports import Report
from detector.tables.windows import WindowTimes
from tests.support.detectors import basic
from tests.support.durable import Crash
from tests.support.panes import Event, progress_of, record_of
from tests.support.publishing import MemoryPublisher

TOPICS = Topics()
PARTITION = 3
NOW = 1.0


class Broker:
    """What survives: topics and tables. ``fail_at``: the write, counted from 0, that crashes."""

    def __init__(self) -> None:
        self.journal: list[tuple[str, str]] = []
        self.publisher = MemoryPublisher(
            lambda record: self.write(record.topic, (record.key or b"").decode())
        )
        self.tables: dict[tuple[str, int, str], bytes] = {}
        self.writes = 0
        self.fail_at = -1
        self.gate = asyncio.Event()
        self.gate.set()

    async def write(self, kind: str, name: str) -> None:
        await self.gate.wait()
        if self.writes == self.fail_at:
            raise Crash(f"{kind} {name}")
        self.writes += 1
        self.journal.append((kind, name))

    def changes(self) -> list[AlarmChange]:
        """Alarm changes, the first of every identity."""
        found: dict[str, AlarmChange] = {}
        for value in self.publisher.values(TOPICS.alarms):
            change = msgspec.json.decode(value, type=AlarmChange)
            found.setdefault(change.id, change)
        return list(found.values())

    def reports(self) -> dict[tuple[str, int], Report]:
        """Reports by subject and end of window; all of one identity must be the same."""
        found: dict[tuple[str, int], Report] = {}
        for value in self.publisher.values(TOPICS.reports):
            report = msgspec.json.decode(value, type=Report)
            assert report == found.setdefault((report.subject, report.window_end), report)
        return found


class Table:
    """A ``StateStore`` on the broker."""

    def __init__(self, broker: Broker, name: str) -> None:
        self._broker = broker
        self._name = name

    def load(self, partition: int, key: str) -> bytes | None:
        return self._broker.tables.get((self._name, partition, key))

    async def save(self, partition: int, key: str, record: bytes) -> None:
        await self._broker.write(self._name, key)
        self._broker.tables[self._name, partition, key] = record


class World:
    """The tallies topic with its committed offset, and the service that dies and comes back."""

    def __init__(self, records: Sequence[bytes | None], **evaluate: Any) -> None:
        self.broker = Broker()
        self.records = records
        self.committed = 0
        self.notices: list[Notice] = []
        self._evaluate = basic(**evaluate)

    async def start(self) -> EvaluationService[int]:
        service: EvaluationService[int] = EvaluationService(
            EvaluationSettings(WindowTimes(), self._evaluate, TOPICS),
            self.broker.publisher,
            Table(self.broker, "alarms"),
            Table(self.broker, "contributors"),
            self.notices.append,
            lambda: 0.0,
        )
        await service.assigned(PARTITION)
        return service

    async def consume(self, service: EvaluationService[int]) -> None:
        for offset in range(self.committed, len(self.records)):
            raw: Any = self.records[offset]
            await service.apply(PARTITION, raw, offset, NOW)
            for token in service.release(PARTITION):
                assert token == self.committed, "acks are given in order"
                self.committed = token + 1

    def standings(self) -> Any:
        raw = self.broker.tables["alarms", PARTITION, str(PARTITION)]
        state = evaluating._decoded(raw)
        return state.through_ms, state.alarm_states


def pane(number: int, *, gray: float) -> bytes:
    """Twenty hosts with 100 requests each, one of them with ``gray`` faults."""
    events = [Event(number, host=f"h{host:02}", requests=100.0, caller="") for host in range(20)]
    sick = Event(number, host="h00", requests=100.0, faults=gray, caller=f"c{number}")
    return encode_pane_record(record_of([*events[1:], sick], pane=number))


def story() -> list[bytes | None]:
    """A host that turns gray and recovers, and then silence."""
    panes = [pane(n, gray=30.0 if 3 <= n < 9 else 0.0) for n in range(24)]
    return [*panes, encode_pane_record(progress_of(through=40))]


async def told_without_a_crash() -> tuple[World, list[AlarmChange]]:
    world = World(story())
    await world.consume(await world.start())
    return world, world.broker.changes()


async def test_a_host_that_turns_gray_is_told_with_reports_tables_and_events() -> None:
    world, changes = await told_without_a_crash()
    states = [change.state for change in changes]
    assert AlarmState.ALARM in states
    assert AlarmState.OK in states
    assert {"h00"} == {change.contributor[-1] for change in changes}
    _, key, _, headers, partition = world.broker.publisher.of(TOPICS.alarms)[0]
    assert (changes[0].alarm_id.encode(), changes[0].id.encode(), 0) == (
        key,
        headers["ce_id"],
        partition,
    )
    newest = dict(sorted(world.broker.reports()))
    for subject, end in newest.items():
        table = world.broker.tables["contributors", PARTITION, subject]
        assert end == msgspec.json.decode(table, type=Report).window_end
    moved = [n for n in world.notices if isinstance(n, AlarmMoved)]
    assert len(changes) == len(moved)
    assert any(isinstance(n, WindowEvaluated) and n.complete for n in world.notices)


async def test_of_every_window_the_record_comes_before_the_changes_and_after_the_reports() -> None:
    world, _ = await told_without_a_crash()
    letters = {TOPICS.reports: "r", "contributors": "t", "alarms": "S", TOPICS.alarms: "c"}
    order = "".join(letters[kind] for kind, _ in world.broker.journal)
    assert re.fullmatch(r"S([rt]+Sc*|S)+", order)
    assert "c" in order


async def test_a_crash_at_any_write_changes_nothing_that_is_told() -> None:
    """The same changes under the same identities, equal reports, and the same standings."""
    clean, expected = await told_without_a_crash()
    for write in range(1, clean.broker.writes):
        world = World(story())
        service = await world.start()
        world.broker.fail_at = write
        with pytest.raises(Crash):
            await world.consume(service)
        world.broker.fail_at = -1
        await world.consume(await world.start())
        assert expected == world.broker.changes(), write
        assert clean.broker.reports() == world.broker.reports(), write
        assert clean.standings() == world.standings(), write


async def test_a_crash_while_taking_over_is_made_good_by_the_next_owner() -> None:
    clean, expected = await told_without_a_crash()
    world = World(story())
    await world.start()
    world.broker.fail_at = 60
    with pytest.raises(Crash):
        await world.consume(await world.start())
    for further in range(4):
        world.broker.fail_at = world.broker.writes + further
        with pytest.raises(Crash):
            await world.consume(await world.start())
    world.broker.fail_at = -1
    await world.consume(await world.start())
    assert expected == world.broker.changes()
    assert clean.standings() == world.standings()


async def test_tallies_are_released_once_no_later_window_needs_them() -> None:
    world = World(story()[:12])
    await world.consume(await world.start())
    # Pane 11 is closed: its window begins with pane 6.
    assert 6 == world.committed


async def test_an_owner_that_lost_its_partition_in_the_middle_writes_no_further_window() -> None:
    """Three windows became complete at once; the partition leaves while the first is published."""
    events = [Event(n, host="h", requests=1.0) for n in range(3)]
    silent = {"logs": 2}
    records = [encode_pane_record(record_of([e], pane=e.pane, sources=silent)) for e in events]
    last = encode_pane_record(progress_of(through=2, source=1, sources=silent))
    world = World(records)
    service = await world.start()
    await world.consume(service)
    assert {} == world.broker.reports()
    world.broker.gate.clear()
    work = asyncio.create_task(service.apply(PARTITION, last, 9, NOW))
    waiting = asyncio.create_task(service.apply(PARTITION, records[0], 10, NOW))
    await asyncio.sleep(0)
    service.revoked(PARTITION)
    world.broker.gate.set()
    await asyncio.gather(work, waiting)
    assert 1 == len(world.broker.reports())
    assert [] == list(service.release(PARTITION))
    await service.apply(PARTITION, last, 9, NOW)
    await service.advance(PARTITION, NOW)
    assert 1 == len(world.broker.reports())
    assert () == service.partitions


async def test_what_cannot_be_read_is_counted_and_does_not_stop_the_partition() -> None:
    world = World([None, b"\xff", *story()])
    await world.consume(await world.start())
    received = [n.outcome for n in world.notices if isinstance(n, TallyReceived)]
    assert ["unreadable", "unreadable", "applied"] == received[:3]
    assert world.committed > 2
    assert world.broker.changes()


async def test_raised_alarms_are_named_by_detector() -> None:
    world = World(story()[:9])
    service = await world.start()
    await world.consume(service)
    assert {"r66": {"r66|fleet:checkout|az1|h00"}} == {
        name: {each for each in ids if "fleet" in each} for name, ids in service.raised().items()
    }


async def test_patience_closes_a_window_without_a_partition_and_says_which() -> None:
    silent = encode_pane_record(record_of([Event(0)], pane=0, sources={"logs": 2}))
    world = World([silent])
    service = await world.start()
    await world.consume(service)
    assert {} == world.broker.reports()
    await service.advance(PARTITION, NOW + 3600.0)
    [report] = world.broker.reports().values()
    assert (False, ("logs/1",)) == (report.complete, report.missing_partitions)


async def test_changes_too_many_for_one_record_are_told_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, expected = await told_without_a_crash()
    world = World(story())
    service = await world.start()
    bare = len(world.broker.tables["alarms", PARTITION, str(PARTITION)])
    monkeypatch.setattr(evaluating, "MAX_STATE_BYTES", bare + 200)
    await world.consume(service)
    assert expected == world.broker.changes()
    kinds = [kind for kind, _ in world.broker.journal]
    first = kinds.index(TOPICS.alarms)
    assert "contributors" == kinds[first - 1]
    assert "alarms" in kinds[first + 1 :]


async def test_standings_too_large_for_a_record_say_what_to_lower(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(story())
    service = await world.start()
    monkeypatch.setattr(evaluating, "MAX_STATE_BYTES", 10)
    with pytest.raises(EvaluationError, match="lower max_alarms"):
        await world.consume(service)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (b"junk", "unreadable"),
        (zlib.compress(b"\xc1"), "unreadable"),
        (zlib.compress(msgspec.msgpack.encode([9, -1, {}, []])), "schema 9"),
    ],
)
async def test_standings_that_cannot_be_read_end_the_worker(record: bytes, words: str) -> None:
    world = World([])
    world.broker.tables["alarms", PARTITION, str(PARTITION)] = record
    with pytest.raises(EvaluationError, match=words):
        await world.start()


async def test_ten_thousand_standings_fit_into_one_record() -> None:
    """The default of ``max_alarms``, with names as clouds give them."""
    rows = [
        [
            *("r66", f"fleet:service-{n % 700}"),
            *(["use1-az1", f"i-{n * 2654435761 % 2**68:017x}"], "alarm", "mmmmm", True, ""),
            *(["service", "use1-az1", "use1-az1", "us-east-1a", f"i-{n:017x}"], 1),
        ]
        for n in range(EvaluateConfig().max_alarms)
    ]
    record = evaluating._encoded(0, {"schema": 1, "last_end_ms": 0, "followed": rows}, [])
    assert len(record) < evaluating.MAX_STATE_BYTES


async def test_whoever_meets_a_condition_and_finds_no_standing_free_is_told_of() -> None:
    sick = [
        Event(0, requests=100.0, faults=30.0, caller="", service=f"s{number}")
        for number in range(5)
    ]
    last = encode_pane_record(progress_of(through=1))
    world = World([encode_pane_record(record_of(sick, pane=0)), last], max_alarms=2)
    await world.consume(await world.start())
    told = [n.count for n in world.notices if isinstance(n, ContributorsUntracked)]
    # Five fleets meet a condition in both windows, and the table of a rule does.
    assert 2 == len(world.broker.changes())
    assert [4, 4] == told


def test_only_a_record_with_changes_has_the_schema_that_earlier_releases_refuse() -> None:
    """They cannot read changes of schema version 2 in the outbox."""
    states: dict[str, Any] = {"schema": 1, "last_end_ms": 0, "followed": []}
    schemas = [
        evaluating._decoded(evaluating._encoded(0, states, outbox)).schema
        for outbox in ([], [b"a change"])
    ]
    assert [1, 2] == schemas
