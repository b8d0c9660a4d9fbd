"""Agent 1: batches in; dead letters, panes and progress out, and acks only for what is durable."""

from typing import Any

import pytest

from detector.core.errors import PublishError
from detector.core.notices import (
    EventsLost,
    EventsUnattributed,
    Notice,
    PanesTallied,
    RecordDeadLettered,
    RecordsConsumed,
    RecordsDecoded,
    TimesRead,
)
from detector.core.topics import Topics
from detector.core.vocabulary import DeadLetterReason, Envelope, Loss, TimeSource
from detector.ingest.tallying import SLICE_RECORDS, TallyService, TallySettings
from detector.kafka.publisher import partition_of
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.rules.rules import RuleSet
from detector.tables.pane_records import PaneRecord, decode_pane_record
from detector.tables.tally import TallyLimits
from tests.builders import SHORT, START, Message, emf, event, rule
from tests.support.publishing import MemoryPublisher

TOPICS = Topics(tally_partitions=3)


class Topic(MemoryPublisher):
    """The broker's topics, with the panes of the tallies topic decoded."""

    def panes(self, part: int) -> list[PaneRecord]:
        return [
            decode_pane_record(record.value or b"")
            for record in self.of(TOPICS.tallies)
            if record.partition == part
        ]


class OnePartition:
    """One service with partition 0 of ``logs``."""

    def __init__(self, *, left: int = 1_000_000, max_record_bytes: int = 900_000) -> None:
        self.topic = Topic(fail_after=left)
        self.notices: list[Notice] = []
        settings = TallySettings(
            rules=RuleSet((rule(),)),
            mapping=FieldMapping(event_id=("RequestId",)),
            limits=DecodeLimits(),
            times=SHORT,
            tally_limits=TallyLimits(),
            topics=TOPICS,
            max_record_bytes=max_record_bytes,
        )
        self.service: TallyService[str] = TallyService(
            settings,
            self.topic,
            self.notices.append,
            lambda: {"logs": 2},
            partition_of=partition_of,
        )
        self.service.started("logs", 0, 0, had_commit=False)
        self.offset = 0

    async def apply(self, *messages: Message) -> list[str]:
        """Take a batch in, and return what may be acknowledged then."""
        self.offset += len(messages)
        await self.service.apply("logs", 0, messages, self.offset, f"to {self.offset}")
        return list(self.service.release("logs", 0))

    def notices_of(self, kind: type[Any]) -> list[Any]:
        return [notice for notice in self.notices if isinstance(notice, kind)]


async def test_a_batch_is_released_when_its_panes_are_durable() -> None:
    tallying = OnePartition()
    assert [] == await tallying.apply(event(0), event(10))
    assert [] == await tallying.apply(event(1_100))
    assert ["to 2"] == await tallying.apply(event(1_600))
    assert 1 == tallying.service.open_panes
    assert ["to 3", "to 4"] == await tallying.apply(event(9_999))


async def test_every_part_gets_every_pane_under_the_key_of_the_source() -> None:
    tallying = OnePartition()
    await tallying.apply(event(0), event(1_600))
    for part in range(3):
        assert [-1, START] == [record.pane_ms for record in tallying.topic.panes(part)]
        assert {"logs": 2} == tallying.topic.panes(part)[0].sources
    fleet, contributors = partition_of("fleet:checkout", 3), partition_of("rule:faults-by-host", 3)
    assert [["h1"]] == [fleet_pane.hosts for fleet_pane in tallying.topic.panes(fleet)[1].fleets]
    assert [[("h1",)]] == [table.keys for table in tallying.topic.panes(contributors)[1].rules]
    assert {b"logs/0"} == {record.key for record in tallying.topic.records}
    assert [PanesTallied("watermark", 1)] == tallying.notices_of(PanesTallied)


async def test_large_panes_are_published_in_chunks() -> None:
    tallying = OnePartition(max_record_bytes=600)
    hosts = [event(0, InstanceId=f"host-{number}") for number in range(30)]
    await tallying.apply(*hosts, event(1_600))
    chunks = [
        r for r in tallying.topic.panes(partition_of("fleet:checkout", 3)) if r.pane_ms == START
    ]
    assert len(chunks) > 1
    assert list(range(len(chunks))) == [chunk.chunk for chunk in chunks]
    assert 30 == sum(len(fleet.hosts) for chunk in chunks for fleet in chunk.fleets)


async def test_what_cannot_be_read_is_dead_lettered_before_anything_is_released() -> None:
    tallying = OnePartition()
    assert ["to 2"] == await tallying.apply(Message(b"no json", at=0), Message(b"42", at=1))
    letters = tallying.topic.values(TOPICS.dead_letters)
    assert [b"no json", b"42"] == letters
    assert [b"bad_json", b"not_an_object"] == [
        record.headers["detector.reason"] for record in tallying.topic.records if record.headers
    ]
    assert [
        RecordDeadLettered(DeadLetterReason.BAD_JSON, "logs", 0, 0),
        RecordDeadLettered(DeadLetterReason.NOT_AN_OBJECT, "logs", 0, 1),
    ] == tallying.notices_of(RecordDeadLettered)


@pytest.mark.parametrize("left", range(6))
async def test_nothing_is_released_when_the_broker_does_not_take_a_record(left: int) -> None:
    tallying = OnePartition(left=left)
    with pytest.raises(PublishError):
        await tallying.apply(event(0), Message(b"?", START), event(1_600))
    assert [] == list(tallying.service.release("logs", 0))


async def test_each_loss_is_reported_with_its_reason() -> None:
    tallying = OnePartition()
    await tallying.apply(
        event(0, RequestId="a"),
        event(0, RequestId="a"),
        event(5_000, RequestId="b", record_ms=START),
        event(1_600, RequestId="c"),
        event(10, RequestId="d"),
        event(20, RequestId="e"),
    )
    assert [
        EventsLost(Loss.LATE, 2), EventsLost(Loss.FUTURE, 1), EventsLost(Loss.DUPLICATE, 1)
    ] == tallying.notices_of(EventsLost)  # fmt: skip


async def test_a_batch_is_reported_as_read_decoded_and_timed() -> None:
    tallying = OnePartition()
    bare = Message(emf(drop=["InstanceId"]), START)
    plain = Message(b'{"host":"h1","zone":"az1","status":200}', START)
    await tallying.apply(bare, plain, Message(None, START))
    assert [RecordsConsumed("logs", 3)] == tallying.notices_of(RecordsConsumed)
    assert {
        RecordsDecoded(Envelope.EMF, "event", 1),
        RecordsDecoded(Envelope.PLAIN, "event", 1),
        RecordsDecoded(Envelope.TOMBSTONE, "empty", 1),
    } == set(tallying.notices_of(RecordsDecoded))
    assert {TimesRead(TimeSource.EMF, 1), TimesRead(TimeSource.RECORD, 1)} == set(
        tallying.notices_of(TimesRead)
    )
    assert [EventsUnattributed(1)] == tallying.notices_of(EventsUnattributed)


async def test_large_batches_are_tallied_in_slices() -> None:
    tallying = OnePartition()
    await tallying.apply(*(event(at % 900) for at in range(SLICE_RECORDS + 1)))
    assert [SLICE_RECORDS, 1] == [notice.count for notice in tallying.notices_of(RecordsConsumed)]


async def test_idleness_closes_only_at_the_proven_end_of_the_log() -> None:
    tallying = OnePartition()
    await tallying.apply(event(0))
    later = (START + 60_000) / 1000
    for seconds in range(12):
        await tallying.service.end_of_log("logs", 0, 5, later + seconds)
        await tallying.service.end_of_log("logs", 1, 1, later + seconds)
    assert 1 == tallying.service.open_panes
    await tallying.service.end_of_log("logs", 0, 1, later)
    assert 1 == tallying.service.open_panes, "one look is not enough"
    for seconds in range(1, 12):
        await tallying.service.end_of_log("logs", 0, 1, later + seconds)
    assert 0 == tallying.service.open_panes
    assert ["to 1"] == list(tallying.service.release("logs", 0))
    assert [PanesTallied("idle", 1)] == tallying.notices_of(PanesTallied)


async def test_partitions_that_are_not_owned_are_left_alone() -> None:
    tallying = OnePartition()
    await tallying.apply(event(0))
    tallying.service.revoked("logs", 0)
    tallying.service.revoked("logs", 7)
    assert [] == await tallying.apply(event(0))
    assert 0 == tallying.service.open_panes
    assert tallying.service.watermark_ms("logs") is None


async def test_the_watermark_is_the_lowest_of_the_partitions_that_have_one() -> None:
    tallying = OnePartition()
    tallying.service.started("logs", 1, 0, had_commit=False)
    assert tallying.service.watermark_ms("logs") is None
    await tallying.apply(event(5_000))
    assert START + 4_500 == tallying.service.watermark_ms("logs")
    await tallying.service.apply("logs", 1, [event(2_000)], 1, "other")
    assert START + 1_500 == tallying.service.watermark_ms("logs")
    assert tallying.service.watermark_ms("others") is None


async def test_who_begins_inside_the_log_without_a_commit_says_so() -> None:
    tallying = OnePartition()
    tallying.service.started("logs", 0, 40, had_commit=False)
    await tallying.apply(event(0), event(2_600), event(4_600))
    partial = {record.through_ms - START: record.partial for record in tallying.topic.panes(0)}
    assert {-2_000: True, 0: True, 1_000: False, 2_000: False, 3_000: False} == partial
