"""Metric alarms as a service: evaluates them in event time and keeps their state on two topics.

Order of every change: alarm and state records with the history items that they cause (outbox),
durable and read back from the log → the items, durable on the history topic → in an evaluation
cycle, the instant through which all of this is done. After a crash the outbox items that the
history topic lacks are published again, and the instants after the last completed one are evaluated
again; an alarm whose newest change is not older than such an instant is skipped, so nothing is
published twice.

Law: the log decides. A change, also the process's own, counts once it is read back from the topic,
so several processes agree on one order; of two records of one alarm the later one counts.

Instants follow event time: ``on_window`` receives the instant through which the datapoints are
complete. When no window arrives for ``max_wait_ms``, ``tick`` advances by the clock to notice
missing data; only there does a clock decide. After a long pause only the last ``catch_up_ms`` are
evaluated, and the skipped instants are counted.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import msgspec

from detector.cloudwatch.alarms.alarm_history import (
    AlarmHistory,
    HistoryItem,
    decode_item,
    encode_item,
)
from detector.cloudwatch.alarms.alarm_records import (
    ALARM,
    STATE,
    THROUGH,
    MetricAlarmStateRecord,
    ThroughRecord,
    encode_record,
)
from detector.cloudwatch.alarms.alarm_store import MetricAlarmStore
from detector.cloudwatch.alarms.evaluation import (
    AlarmEvaluator,
    ContributorSource,
    EvaluatorSettings,
)
from detector.cloudwatch.alarms.evaluation_times import MINUTE_MS, SHORT_STEP_MS
from detector.cloudwatch.alarms.recent_datapoints import RowSource
from detector.core.cloud_events import cloud_event_headers

SOURCE = "/detector/metric-alarms"


class LogRecord(NamedTuple):
    """One record of a topic; a value of ``None`` is a tombstone."""

    key: str
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class RecordLog(Protocol):
    """A topic that is written and read at the same time; its order decides."""

    async def start(self, apply: Callable[[str, bytes | None], None]) -> None:
        """Apply every record up to the end of the topic, then go on in the background."""
        ...

    async def write(self, records: Sequence[LogRecord]) -> None:
        """Return when all records are durable and applied; ``PublishError`` otherwise."""
        ...

    async def stop(self) -> None:
        """Stop reading and writing."""
        ...


@dataclass(frozen=True, slots=True)
class MetricAlarmSettings:
    """Limits of the service; times in milliseconds."""

    evaluation: EvaluatorSettings = field(default_factory=EvaluatorSettings)
    alarms: int = 20_000
    mute_rules: int = 1_000
    history_items: int = 50_000
    max_wait_ms: int = 60_000
    catch_up_ms: int = 900_000


class MetricAlarms:
    """Holds the alarms and their history; commands and evaluation cycles run one at a time."""

    def __init__(
        self,
        alarms: RecordLog,
        history: RecordLog,
        metrics: RowSource,
        contributors: ContributorSource,
        settings: MetricAlarmSettings,
    ) -> None:
        self.settings = settings
        self.store = MetricAlarmStore()
        self.history = AlarmHistory(settings.history_items)
        self.lock = asyncio.Lock()
        self.unreadable_items = 0
        self.skipped_instants = 0
        self._alarm_log = alarms
        self._history_log = history
        self._evaluator = AlarmEvaluator(self.store, metrics, contributors, settings.evaluation)
        self._composites_due_ms: int | None = None
        self._incomplete = False

    async def start(self, now: float) -> None:
        """Read both topics and publish what a crash left unpublished; ``now`` in epoch seconds."""
        await self._history_log.start(self._apply_item)
        await self._alarm_log.start(self.store.apply)
        self.history.forget(int(now * 1000))
        await self._recover()

    async def stop(self) -> None:
        """Stop both logs after the work in progress is finished."""
        async with self.lock:
            await self._alarm_log.stop()
            await self._history_log.stop()

    async def on_window(self, end_ms: int, now: float) -> None:
        """Evaluate every instant up to ``end_ms``, through which the datapoints are complete.

        A window from the future counts as ``now``, in epoch seconds.
        """
        now_ms = int(now * 1000)
        async with self.lock:
            self.history.forget(now_ms)
            await self._advance(min(end_ms, now_ms))

    async def tick(self, now: float) -> None:
        """Advance by the clock where no window arrived; call about every ten seconds."""
        now_ms = int(now * 1000)
        async with self.lock:
            self.history.forget(now_ms)
            await self._advance(now_ms - self.settings.max_wait_ms)

    async def evaluate_changed(
        self, moved: Mapping[str, Any], at_ms: int, composites: Iterable[str] = ()
    ) -> None:
        """Make states that a command changed durable, with everything that follows from them.

        The caller holds the lock.
        """
        await self._write(
            self._evaluator.evaluate_changed(dict(moved), at_ms, composites=composites)
        )

    async def write(self, records: Sequence[LogRecord], items: Sequence[HistoryItem]) -> None:
        """Make a command's records durable, then publish their items; the caller holds the lock."""
        self._incomplete = True
        await self._alarm_log.write(records)
        await self.publish(items)
        self._incomplete = False

    async def publish(self, items: Iterable[HistoryItem]) -> None:
        """Publish history items under their ids."""
        records = [LogRecord(item.alarm, encode_item(item), _headers(item)) for item in items]
        if records:
            await self._history_log.write(records)

    async def write_tombstone(self, name: str) -> None:
        """Write tombstones for the records of a deleted alarm; the caller holds the lock."""
        await self._alarm_log.write(
            [LogRecord(f"{STATE}{name}", None), LogRecord(f"{ALARM}{name}", None)]
        )

    async def _recover(self) -> None:
        """Finish what a crash or a failed write left incomplete."""
        # Composite alarms are evaluated again once every alarm is past its newest change.
        self._composites_due_ms = max(
            (entry.state.updated_ms for entry in self.store.entries.values()), default=0
        )
        await self.publish(self._unpublished())
        for name in list(self.store.deleted):
            await self.write_tombstone(name)
        self._incomplete = False

    async def _advance(self, through_ms: int) -> None:
        if self._incomplete:
            await self._recover()
        horizon = through_ms - through_ms % SHORT_STEP_MS
        before = self.store.through_ms
        if before is None:
            before = horizon - SHORT_STEP_MS
        earliest = horizon - self.settings.catch_up_ms
        if before < earliest:
            earliest -= earliest % MINUTE_MS
            self.skipped_instants += (earliest - before) // SHORT_STEP_MS
            before = earliest
            self._evaluator.skip_until(earliest + SHORT_STEP_MS)
        for at_ms in range(before + SHORT_STEP_MS, horizon + 1, SHORT_STEP_MS):
            await self._evaluate(at_ms)

    async def _evaluate(self, at_ms: int) -> None:
        composites: list[str] = []
        if self._composites_due_ms is not None and at_ms >= self._composites_due_ms:
            composites = list(self.store.entries)
        records = self._evaluator.evaluate(at_ms, composites=composites)
        if composites:
            self._composites_due_ms = None
        await self._write(records)
        self.store.through_ms = at_ms
        if records or at_ms % MINUTE_MS == 0:
            through = encode_record(ThroughRecord(at_ms))
            await self._alarm_log.write([LogRecord(THROUGH, through)])

    def lacking(self, items: Iterable[HistoryItem]) -> tuple[HistoryItem, ...]:
        """Return the items of an outbox that the history topic lacks."""
        return tuple(item for item in items if item.id not in self.history)

    async def _write(self, records: Mapping[str, MetricAlarmStateRecord]) -> None:
        # A new record must not drop items that another process left unpublished in the old one.
        complete = [
            (
                name,
                msgspec.structs.replace(
                    record,
                    outbox=(*self.lacking(self.store.entries[name].state_outbox), *record.outbox),
                ),
            )
            for name, record in records.items()
        ]
        if complete:
            await self.write(
                [LogRecord(f"{STATE}{name}", encode_record(record)) for name, record in complete],
                [item for _, record in complete for item in record.outbox],
            )

    def items(self) -> list[HistoryItem]:
        """Return the history, and items that are durable in a record but not yet in the history."""
        return [*self.history.items(), *self._unpublished()]

    def _unpublished(self) -> list[HistoryItem]:
        outboxes = [entry.record.outbox for entry in self.store.entries.values()]
        outboxes += [record.outbox for record in self.store.deleted.values()]
        outboxes += [entry.state_outbox for entry in self.store.entries.values()]
        lacking = [item for items in outboxes for item in self.lacking(items)]
        kept = [item for item in lacking if not self.history.is_beyond(item)]
        return sorted(kept, key=lambda item: item.at_ms)

    def _apply_item(self, _: str, raw: bytes | None) -> None:
        try:
            self.history.add(decode_item(raw or b""))
        except (msgspec.MsgspecError, ValueError):
            # Only our own processes write here; an item of another version must not stop the rest.
            self.unreadable_items += 1


def _headers(item: HistoryItem) -> list[tuple[str, bytes]]:
    return cloud_event_headers(
        event_id=item.id,
        event_type=item.schema,
        source=SOURCE,
        subject=item.alarm,
        at=item.at_ms / 1000,
    )


@dataclass(frozen=True, slots=True)
class MetricAlarmCounts:
    """``through_ms`` is the last instant that was evaluated, in epoch milliseconds, 0 before any.

    ``states`` counts alarms by state, ``skipped_instants`` instants that were too old to be
    evaluated, and ``unreadable`` records by topic (``alarms``, ``history``), both since the start.
    """

    through_ms: int
    states: Mapping[str, int]
    skipped_instants: int
    unreadable: Mapping[str, int]


def counts_of(alarms: MetricAlarms) -> MetricAlarmCounts:
    """Return the counts of the service now."""
    store = alarms.store
    return MetricAlarmCounts(
        through_ms=store.through_ms or 0,
        states=Counter(entry.state.state.value for entry in store.entries.values()),
        skipped_instants=alarms.skipped_instants,
        unreadable={"alarms": store.unreadable, "history": alarms.unreadable_items},
    )
