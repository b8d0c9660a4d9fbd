"""Agent 1 while rules change: a replayed pane uses the version in force; floods are reported."""

import asyncio
from collections.abc import Callable

from detector.core.notices import Notice, RuleFlooded
from detector.core.topics import Topics
from detector.ingest.tallying import TallyService, TallySettings
from detector.kafka.publisher import partition_of
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.rules.admin import Author
from detector.rules.live_rules import RuleSource
from detector.rules.rules import RuleSet
from detector.tables.pane_records import PaneRecord, decode_pane_record
from detector.tables.tally import TallyLimits
from tests.builders import SHORT, START, Message, event, rule
from tests.support.publishing import MemoryPublisher, PublishedRecord
from tests.support.rule_world import BEGUN, LEAD, RuleWorld, definition

TOPICS = Topics(tally_partitions=1)
TEST = Author("test")
PANE = SHORT.pane_ms


class Topic(MemoryPublisher):
    """The tallies topic as its readers see it: of two records of a pane the first wins."""

    def __init__(self) -> None:
        super().__init__(self._read)
        self.panes: dict[int, PaneRecord] = {}
        self.repeated: list[PaneRecord] = []

    async def _read(self, published: PublishedRecord) -> None:
        record = decode_pane_record(published.value or b"")
        if record.pane_ms in self.panes:
            self.repeated.append(record)
        elif record.pane_ms >= 0:
            self.panes[record.pane_ms] = record

    def rules(self) -> dict[int, list[str]]:
        """Return the rules of every pane with their versions, panes counted from START."""
        return {
            (start - START) // PANE: [f"{t.rule} {t.version}" for t in record.rules]
            for start, record in self.panes.items()
        }


def service_of(
    topic: Topic,
    rules: RuleSource | None = None,
    *,
    listener: Callable[[Notice], None] = lambda _: None,
    exact_contributors: int = 50_000,
    rule_set: RuleSet | None = None,
) -> TallyService[int]:
    settings = TallySettings(
        rules=rule_set or RuleSet(),
        mapping=FieldMapping(),
        limits=DecodeLimits(),
        times=SHORT,
        tally_limits=TallyLimits(exact_contributors=exact_contributors),
        topics=TOPICS,
    )
    return TallyService(
        settings, topic, listener, lambda: {"logs": 1}, rules, partition_of=partition_of
    )


async def read(service: TallyService[int], log: list[Message], start: int) -> int:
    """Read the rest of the log in batches; return the offset that may be committed."""
    committed = start
    service.started("logs", 0, start, had_commit=True)
    for offset in range(start, len(log), 7):
        end = min(offset + 7, len(log))
        await service.apply("logs", 0, log[offset:end], end, end)
        committed = max([committed, *service.release("logs", 0)])
    return committed


async def test_a_replayed_pane_uses_the_version_that_was_in_force() -> None:
    """The rules change in the middle; a worker dies there and another one replays what is left."""
    world = RuleWorld(("file", definition("InstanceId")))
    admin = world.admin()
    log = [event(at * 100, InstanceId=f"h{at % 7}") for at in range(200)]
    topic = Topic()
    first = service_of(topic, world.follow())
    committed = await read(first, log[:25], 0)
    world.seconds = 2.5
    put = await admin.put("r", definition("Caller"), TEST)
    committed = max(committed, await read(first, log[:80], committed))
    world.seconds = 8.0
    update = await admin.put("r", definition("AZ-ID"), TEST)
    deleted = await admin.delete("file", TEST)
    assert deleted is not None
    # The first worker is gone; the second knows all changes from the start.
    await read(service_of(topic, world.follow()), log, committed)
    alone = Topic()
    await read(service_of(alone, world.follow()), log, 0)
    assert alone.panes == topic.panes
    assert topic.repeated, "some panes were published twice"
    for again in topic.repeated:
        # A replay may hold less of its first pane, never another version.
        versions = [
            [(t.rule, t.version) for t in each.rules]
            for each in (again, topic.panes[again.pane_ms])
        ]
        assert versions[0] == versions[1]
    first_pane, second_pane = ((each.from_ms - START) // PANE for each in (put, update))
    old, new = (f"r {each.rule.version}" for each in (put, update))
    file = next(iter(topic.rules()[0]))
    versions_by_pane = topic.rules()
    assert second_pane - 1 > first_pane > 0
    assert [file] == versions_by_pane[first_pane - 1]
    assert [file, old] == versions_by_pane[first_pane]
    assert [file, old] == versions_by_pane[second_pane - 1]
    assert [new] == versions_by_pane[second_pane]


async def test_nothing_is_counted_before_the_rules_are_known() -> None:
    world = RuleWorld()
    rules = world.follow(max_age_seconds=1.0)
    topic = Topic()
    service = service_of(topic, rules)
    service.started("logs", 0, 0, had_commit=True)
    world.seconds = 2.0
    taking = asyncio.create_task(service.apply("logs", 0, [event(0), event(5_000)], 2, 2))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not taking.done()
    assert 0 == service.open_panes
    await world.admin().put("r", definition("InstanceId"), TEST)
    await taking
    assert {0} == set(topic.rules())
    assert BEGUN * 1000 == START
    assert LEAD == 3_000


async def test_a_partition_that_left_while_it_waited_is_not_counted() -> None:
    world = RuleWorld()
    rules = world.follow(max_age_seconds=1.0)
    topic = Topic()
    service = service_of(topic, rules)
    service.started("logs", 0, 0, had_commit=True)
    world.seconds = 2.0
    taking = asyncio.create_task(service.apply("logs", 0, [event(0), event(5_000)], 2, 2))
    await asyncio.sleep(0)
    service.revoked("logs", 0)
    rules.proven(world.clock())
    await taking
    assert {} == topic.panes


async def test_a_rule_that_floods_is_bounded_and_reported_and_so_is_its_end() -> None:
    notices: list[Notice] = []
    topic = Topic()
    rule_set = RuleSet((rule("by-caller", keys=[("Caller",)]),))
    service = service_of(topic, rule_set=rule_set, listener=notices.append, exact_contributors=5)
    log = [event(at * 50, Caller=f"c{at}") for at in range(100)]
    log += [event(5_000 + at * 50, Caller="c") for at in range(60)]
    await read(service, log, 0)
    floods = [notice for notice in notices if isinstance(notice, RuleFlooded)]
    assert [("by-caller", True, 1), ("by-caller", False, 0)] == [
        (each.rule, each.flooding, each.rules) for each in floods
    ]
    assert all(len(table.keys) <= 5 for pane in topic.panes.values() for table in pane.rules)
    assert 20 == topic.panes[START].rules[0].sketch_weight + 5


async def test_a_flood_ends_with_its_partition() -> None:
    notices: list[Notice] = []
    rule_set = RuleSet((rule("by-caller", keys=[("Caller",)]),))
    service = service_of(Topic(), rule_set=rule_set, listener=notices.append, exact_contributors=5)
    await read(service, [event(at * 50, Caller=f"c{at}") for at in range(120)], 0)
    service.revoked("logs", 0)
    assert [True, False] == [n.flooding for n in notices if isinstance(n, RuleFlooded)]
