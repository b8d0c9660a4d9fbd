"""Builders for tests of the pipeline: a test states only what matters to it."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detector.core.vocabulary import Envelope, TimeSource
from detector.ingest.intake import Intake, IntakeResult
from detector.logs.events import LogEvent
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.rules.rules import (
    Aggregate,
    ContributorRule,
    Filter,
    LogFormat,
    Percentiles,
    Ratio,
    RuleSet,
)
from detector.tables.pane_records import PaneRecord, encode_pane_record
from detector.tables.tally import PartitionTally, TallyLimits
from detector.tables.windows import WindowTimes

START = 1_700_000_000_000
"""A pane boundary of every length of pane that tests use, in epoch milliseconds."""

TOPIC = "logs"
NO_RULES = RuleSet()
SOURCES = {TOPIC: 1}
SHORT = WindowTimes(
    pane_ms=1_000,
    window_panes=3,
    lateness_ms=500,
    future_tolerance_ms=3_000,
    idle_ms=500,
    max_wait_ms=3_000,
)
"""Panes of one second and windows of three, so that a test needs few events."""


@dataclass(frozen=True, slots=True)
class Message:
    """A consumed Kafka message."""

    raw: bytes | None
    record_ms: int = START
    at: int = 0
    name: bytes | None = None
    head: tuple[tuple[str, bytes], ...] | None = None

    def value(self) -> bytes | None:
        return self.raw

    def timestamp(self) -> tuple[int, int]:
        return (1, self.record_ms)

    def offset(self) -> int:
        return self.at

    def key(self) -> bytes | None:
        return self.name

    def headers(self) -> Sequence[tuple[str, bytes]] | None:
        return self.head


def document(after_ms: int = 0, /, *, drop: Iterable[str] = (), **members: Any) -> dict[str, Any]:
    """Return a healthy EMF document logged ``after_ms`` past START; members replace or add."""
    metadata = members.pop("metadata", {"Timestamp": START + after_ms, "CloudWatchMetrics": []})
    plain: dict[str, Any] = {
        "_aws": metadata,
        "InstanceId": "h1",
        "AZ-ID": "use1-az1",
        "AZ": "us-east-1a",
        "Service": "checkout",
        "Caller": "c1",
        "Latency": 12.5,
        "Faults": 0,
        "ConnectionFailures": 0,
    }
    plain |= members
    return {name: value for name, value in plain.items() if name not in set(drop)}


def emf(after_ms: int = 0, /, *, drop: Iterable[str] = (), **members: Any) -> bytes:
    """Return ``document`` as a producer writes it."""
    return json.dumps(document(after_ms, drop=drop, **members), ensure_ascii=False).encode()


def event(
    after_ms: int = 0, /, *, record_ms: int | None = None, at: int = 0, **members: Any
) -> Message:
    """Return ``emf`` as a message whose record has the time of the event."""
    stamp = START + after_ms if record_ms is None else record_ms
    return Message(emf(after_ms, **members), stamp, at)


def log_event(after_ms: int = 0, /, **changed: Any) -> LogEvent:
    """Return a healthy event of host h1, ``after_ms`` past START, as decoding gives it."""
    plain: dict[str, Any] = {
        "time_ms": START + after_ms,
        "time_source": TimeSource.EMF,
        "envelope": Envelope.EMF,
        "log_group": TOPIC,
        "service": "checkout",
        "host": "h1",
        "zone_id": "use1-az1",
        "zone_name": "us-east-1a",
        "caller": "c1",
        "requests": 1.0,
        "faults": 0.0,
        "slow": 0.0,
        "connection_failures": 0.0,
        "event_id": "",
        "document": {},
    }
    return LogEvent(**(plain | changed))


def rule(
    name: str = "faults-by-host",
    *,
    keys: Sequence[Sequence[str | int]] = (("InstanceId",),),
    filters: Sequence[Filter] = (),
    value_of: Sequence[str | int] | None = None,
    groups: Sequence[str] = ("*",),
    any_of: Sequence[Sequence[Filter]] = (),
    measure: Ratio | Percentiles | None = None,
    lines: Mapping[str, int] | None = None,
) -> ContributorRule:
    """Return a rule that counts, or that sums ``value_of``; with ``lines``, of CLF fields."""
    definition = repr((name, keys, filters, value_of, groups, any_of, measure, lines))
    return ContributorRule(
        name=name,
        version=hashlib.sha256(definition.encode()).hexdigest()[:12],
        log_group_names=tuple(groups),
        keys=tuple(tuple(key) for key in keys),
        filters=tuple(filters),
        aggregate_on=Aggregate.COUNT if value_of is None else Aggregate.SUM,
        value_of=None if value_of is None else tuple(value_of),
        log_format=LogFormat.JSON if lines is None else LogFormat.CLF,
        fields=tuple((lines or {}).items()),
        any_of=tuple(map(tuple, any_of)),
        measure=measure,
    )


def new_tally(
    rules: RuleSet | None = None,
    *,
    times: WindowTimes = SHORT,
    limits: TallyLimits | None = None,
    begins_inside: bool = False,
) -> PartitionTally:
    """Return the empty tally of partition 0 of ``TOPIC``."""
    rule_set = rules or NO_RULES
    return PartitionTally(
        TOPIC,
        0,
        rules_at=lambda _: rule_set,
        times=times,
        limits=limits or TallyLimits(),
        begins_inside=begins_inside,
    )


def new_intake(
    rules: RuleSet | None = None,
    *,
    times: WindowTimes = SHORT,
    mapping: FieldMapping | None = None,
    limits: DecodeLimits | None = None,
) -> Intake:
    """Return an intake of ``TOPIC`` that knows no record schema yet."""
    rule_set = rules or NO_RULES
    return Intake(
        TOPIC,
        rules_at=lambda _: rule_set,
        mapping=mapping or FieldMapping(),
        limits=limits or DecodeLimits(),
        times=times,
    )


def drained(tally: PartitionTally) -> list[PaneRecord]:
    """Take what closed, as the records of a tallies topic of one partition."""
    return [
        record for (record,) in tally.drain(sources=SOURCES, parts=1, part_of=lambda _subject: 0)
    ]


def finished(tally: PartitionTally) -> list[PaneRecord]:
    """Close every open pane by a long silence and take all that closed."""
    tally.close_idle(4_102_444_800_000 + 10 * tally.times.pane_ms)
    return drained(tally)


def encoded(records: Iterable[PaneRecord]) -> list[bytes]:
    """Write records as they travel, so that equal means equal byte for byte."""
    return [encode_pane_record(record) for record in records]


Tallied = tuple[
    list[bytes],
    tuple[int, int, int],
    list[tuple[int, str, str]],
    dict[tuple[str, str], int],
    dict[str, int],
    int,
]
"""Pane records, losses, dead letters (offset, reason, message), envelopes, times, unplaced."""


def tallied(intake: Intake, tally: PartitionTally, batches: Iterable[Sequence[Message]]) -> Tallied:
    """Read ``batches`` and return every visible result."""
    total = IntakeResult()
    records: list[PaneRecord] = []
    for batch in batches:
        result = intake.read(batch, tally)
        total.dead += result.dead
        total.envelopes += result.envelopes
        total.times += result.times
        total.unplaced += result.unplaced
        records += drained(tally)
    records += finished(tally)
    return (
        encoded(records),
        tally.losses,
        [(message.at, refused.reason.value, refused.message) for message, refused in total.dead],
        {(envelope.value, outcome): n for (envelope, outcome), n in total.envelopes.items()},
        {source.value: n for source, n in total.times.items()},
        total.unplaced,
    )
