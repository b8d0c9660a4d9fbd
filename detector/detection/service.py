"""Evaluating, the use case of agent 2: tally records in; reports, alarm changes and late acks out.

Order, per slide: reports are published and awaited (after a crash they repeat under the same
identity); then the state record with the tracked alarms and the changes it stands for (outbox) is
written and awaited; then the changes are published and awaited; then tally records that no later
window needs are released. After a crash the outbox of the last record is published again, the ring
of panes is rebuilt from the tally records that were held back, and windows that were evaluated
already give nothing.
"""

import asyncio
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from detector.core.ack_queue import AckQueue
from detector.core.cloud_events import cloud_event_headers
from detector.core.errors import DetectorError
from detector.core.notices import (
    AlarmMoved,
    ContributorsUntracked,
    NoticeListener,
    TallyReceived,
    WindowEvaluated,
)
from detector.core.ports import RecordPublisher, StateStore, Timer
from detector.core.topics import Topics
from detector.detection.alarms import AlarmChange, decode_change
from detector.detection.evaluate import EvaluateConfig, Evaluator
from detector.rules.live_rules import FixedRules, RuleSource
from detector.rules.rules import RuleSet
from detector.tables.host_window import Slide
from detector.tables.merge import Merge
from detector.tables.pane_records import decode_pane_record
from detector.tables.reports import Report
from detector.tables.windows import WindowTimes

Token = TypeVar("Token")

STATE_SCHEMA = 2
STATE_SCHEMA_1 = 1
"""Schema of a record without alarm changes in its outbox, which releases before alarms of schema
version 2 read too, and of all records that they wrote."""
MAX_STATE_BYTES = 900_000
SOURCE = "/detector/evaluate"


class EvaluationError(DetectorError):
    """The state record cannot be read or written."""


class EvaluationState(msgspec.Struct, array_like=True, frozen=True):
    """What survives of one partition: the newest evaluated pane, alarm states and their outbox."""

    schema: int
    through_ms: int
    alarm_states: dict[str, Any]
    outbox: list[bytes]


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """Settings of agent 2."""

    times: WindowTimes
    evaluate: EvaluateConfig
    topics: Topics
    exact_contributors: int = 50_000


class _Owned(Generic[Token]):
    """One owned partition of the tallies topic."""

    def __init__(
        self, settings: EvaluationSettings, rules: RuleSource, state: EvaluationState | None
    ) -> None:
        self.merge = Merge(settings.times, settings.exact_contributors, rules.rule_set_at)
        self.evaluator = Evaluator(settings.evaluate)
        self.waiting: AckQueue[Token] = AckQueue()
        self.lock = asyncio.Lock()
        self.saved_through_ms = -1 if state is None else state.through_ms
        if state is not None:
            self.evaluator.restore(state.alarm_states)
            self.merge.skip_through(state.through_ms)


class EvaluationService(Generic[Token]):
    """Merges and evaluates the owned partitions of the tallies topic."""

    def __init__(
        self,
        settings: EvaluationSettings,
        publisher: RecordPublisher,
        states: StateStore,
        tables: StateStore,
        listener: NoticeListener,
        timer: Timer,
        rules: RuleSource | None = None,
    ) -> None:
        self._settings = settings
        self._publisher = publisher
        self._states = states
        self._tables = tables
        self._listener = listener
        self._timer = timer
        self._rules = rules or FixedRules(RuleSet())
        self._owned: dict[int, _Owned[Token]] = {}

    async def assigned(self, partition: int) -> None:
        """Take a partition over: restore its record, repeat its outbox, and fence its last writer.

        ``EvaluationError`` when the record cannot be read.
        """
        raw = self._states.load(partition, str(partition))
        state = _decoded(raw) if raw else None
        owned = self._owned[partition] = _Owned(self._settings, self._rules, state)
        through_ms, outbox = (state.through_ms, state.outbox) if state is not None else (-1, [])
        await self._publish_changes([decode_change(change) for change in outbox])
        await self._save(partition, _encoded(through_ms, owned.evaluator.snapshot(), []))

    def revoked(self, partition: int) -> None:
        """Forget a partition; its record and the unreleased tally records go to the next owner."""
        self._owned.pop(partition, None)

    @property
    def partitions(self) -> tuple[int, ...]:
        """Partitions owned now."""
        return tuple(self._owned)

    def raised(self) -> dict[str, set[str]]:
        """Return the ids of the raised alarms in the owned partitions, by detector."""
        found: dict[str, set[str]] = {}
        for owned in self._owned.values():
            for detector, ids in owned.evaluator.raised().items():
                found.setdefault(detector, set()).update(ids)
        return found

    async def apply(self, partition: int, raw: bytes, token: Token, now: float) -> None:
        """Apply one tally record and evaluate the windows that it completes."""
        owned = self._owned.get(partition)
        if owned is None:
            return
        async with owned.lock:
            if self._is_owner(partition, owned):
                owned.waiting.add(self._apply(owned, raw, now), token)
                await self._advance(partition, owned, now)

    def _apply(self, owned: _Owned[Token], raw: bytes, now: float) -> int:
        try:
            record = decode_pane_record(raw)
            outcome = owned.merge.apply(record, now)
        except (ValueError, TypeError):
            # Only our own workers write here; another version's record must not stop the partition.
            self._listener(TallyReceived("unreadable"))
            return -1
        self._listener(TallyReceived(outcome))
        # Progress alone is held back too: it says which panes a late event must not reopen.
        return record.through_ms

    async def advance(self, partition: int, now: float) -> None:
        """Evaluate windows whose maximum wait is over; call about twice a second."""
        owned = self._owned.get(partition)
        if owned is not None:
            async with owned.lock:
                await self._advance(partition, owned, now)

    def release(self, partition: int) -> Iterator[Token]:
        """Yield the tokens of tally records that no later window needs, in order."""
        owned = self._owned.get(partition)
        oldest = owned.merge.oldest_needed_pane() if owned is not None else None
        if owned is not None and oldest is not None:
            yield from owned.waiting.release(oldest)

    def _is_owner(self, partition: int, owned: _Owned[Token]) -> bool:
        return self._owned.get(partition) is owned

    async def _advance(self, partition: int, owned: _Owned[Token], now: float) -> None:
        await self._rules.settled()
        for slide in owned.merge.advance(now):
            if not self._is_owner(partition, owned):
                return
            started = self._timer()
            evaluation = owned.evaluator.evaluate(slide)
            spent = self._timer() - started
            await self._publish_reports(partition, evaluation.reports)
            await self._make_durable(partition, owned, slide, evaluation.changes)
            self._notify(slide, evaluation.changes, len(evaluation.reports), spent, now)
            if evaluation.untracked:
                self._listener(ContributorsUntracked(evaluation.untracked))
        through_ms = owned.merge.closed_through
        if through_ms is not None and through_ms > owned.saved_through_ms:
            # These panes gave no window; a successor must not open them again either.
            await self._save(partition, _encoded(through_ms, owned.evaluator.snapshot(), []))
            owned.saved_through_ms = through_ms

    async def _publish_reports(self, partition: int, reports: list[Report]) -> None:
        encoded = [(report, msgspec.json.encode(report)) for report in reports]
        await asyncio.gather(
            *(
                self._publisher.publish(
                    self._settings.topics.reports,
                    key=report.subject.encode(),
                    value=value,
                    headers=cloud_event_headers(
                        event_id=f"{report.subject}|{report.window_end}",
                        event_type=report.schema,
                        source=SOURCE,
                        subject=report.subject,
                        at=report.window_end / 1000,
                    ),
                    partition=partition,
                )
                for report, value in encoded
            ),
            *(self._tables.save(partition, report.subject, value) for report, value in encoded),
        )

    async def _make_durable(
        self, partition: int, owned: _Owned[Token], slide: Slide, changes: list[AlarmChange]
    ) -> None:
        through_ms = slide.meta.window.end_ms - self._settings.times.pane_ms
        alarm_states = owned.evaluator.snapshot()
        outbox = [msgspec.json.encode(change) for change in changes]
        record = _encoded(through_ms, alarm_states, outbox)
        if len(record) > MAX_STATE_BYTES:
            await self._publish_changes(changes)
            await self._save(partition, _encoded(through_ms, alarm_states, []))
        else:
            await self._save(partition, record)
            await self._publish_changes(changes)
        owned.saved_through_ms = through_ms

    async def _save(self, partition: int, record: bytes) -> None:
        if len(record) > MAX_STATE_BYTES:
            raise EvaluationError(
                f"alarm states have {len(record)} bytes, expected at most {MAX_STATE_BYTES}: "
                "lower max_alarms"
            )
        await self._states.save(partition, str(partition), record)

    async def _publish_changes(self, changes: list[AlarmChange]) -> None:
        # One after the other: changes of one alarm must reach the decider in order.
        for change in changes:
            await self._publisher.publish(
                self._settings.topics.alarms,
                key=change.alarm_id.encode(),
                value=msgspec.json.encode(change),
                headers=cloud_event_headers(
                    event_id=change.id,
                    event_type=change.schema,
                    source=SOURCE,
                    subject=change.alarm_id,
                    at=change.changed_at / 1000,
                ),
                partition=0,
            )

    def _notify(
        self, slide: Slide, changes: list[AlarmChange], subjects: int, spent: float, now: float
    ) -> None:
        delay = now - slide.meta.window.end_ms / 1000
        self._listener(WindowEvaluated(subjects, spent, slide.meta.complete, delay))
        for change in changes:
            self._listener(
                AlarmMoved(
                    change.detector,
                    change.alarm_id,
                    change.subject,
                    change.state,
                    delay,
                    change.sentence,
                    change.shadow,
                )
            )


def _encoded(through_ms: int, alarm_states: dict[str, Any], outbox: list[bytes]) -> bytes:
    # Names repeat in states and changes, so they compress well.
    schema = STATE_SCHEMA if outbox else STATE_SCHEMA_1
    state = EvaluationState(schema, through_ms, alarm_states, outbox)
    return zlib.compress(msgspec.msgpack.encode(state), 1)


def _decoded(record: bytes) -> EvaluationState:
    try:
        state = msgspec.msgpack.decode(zlib.decompress(record), type=EvaluationState)
    except (ValueError, zlib.error) as error:
        raise EvaluationError(
            f"alarm states of {len(record)} bytes are unreadable: {error}"
        ) from None
    if state.schema not in {STATE_SCHEMA_1, STATE_SCHEMA}:
        raise EvaluationError(
            f"alarm states of schema {state.schema!r}, expected {STATE_SCHEMA_1} or "
            f"{STATE_SCHEMA}: "
            "run the release that wrote them"
        )
    return state
