"""One evaluation cycle: every alarm that is due at an instant, and what follows from it.

Order within a cycle: metric alarms and alarms per contributor, then composite alarms with children
first, then alarms that only waited for time to pass. Law: the result depends on the store, the
datapoints and the instant alone; an alarm is not evaluated at instants at or before its newest
change, so instants that are evaluated again after a crash add nothing.

Alarms with the same periods and the same M of N are evaluated together, as rows of one matrix; only
rows whose result differs from the present state are then evaluated one by one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detector.cloudwatch.alarms.alarm_model import (
    CompositeAlarm,
    ContributorAlarm,
    MetricAlarm,
    MetricWatch,
)
from detector.cloudwatch.alarms.alarm_records import MetricAlarmStateRecord
from detector.cloudwatch.alarms.alarm_state import MetricAlarmState
from detector.cloudwatch.alarms.alarm_store import Entry, MetricAlarmStore
from detector.cloudwatch.alarms.batches import Group, Groups
from detector.cloudwatch.alarms.contributor_states import (
    IN_ALARM,
    ContributorWindow,
    contributor_alarm_after,
)
from detector.cloudwatch.alarms.evaluations import composite_alarm_after, metric_alarm_after
from detector.cloudwatch.alarms.m_of_n import CODE_BY_STATE, KEEP, StateValue, evaluate_rows
from detector.cloudwatch.alarms.notifications import notifications_after
from detector.cloudwatch.alarms.reasons import EvaluatedRange
from detector.cloudwatch.alarms.recent_datapoints import RowSource
from detector.cloudwatch.metrics.plan import DatapointRange

Values = NDArray[np.float64]
Moved = dict[str, MetricAlarmState]


class ContributorSource(Protocol):
    """A source of the contributors of a rule."""

    def contributors(self, rule: str, end_ms: int) -> ContributorWindow | None:
        """Return the rule's window that ends at ``end_ms``; ``None`` when it is not known."""
        ...


@dataclass(frozen=True, slots=True)
class EvaluatorSettings:
    """Settings of every cycle; ``arn_prefix`` is the ARN of an alarm without its name."""

    arn_prefix: str = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:"
    contributors_in_alarm: int = IN_ALARM


class AlarmEvaluator:
    """Evaluates the alarms of ``store``; changes nothing and returns the records to write."""

    def __init__(
        self,
        store: MetricAlarmStore,
        metrics: RowSource,
        contributors: ContributorSource,
        settings: EvaluatorSettings,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._contributors = contributors
        self._settings = settings
        self._groups = Groups()
        self._changes = -1
        self._known_since_ms = 0

    def skip_until(self, until_ms: int) -> None:
        """Note that instants before ``until_ms`` are skipped: no period extends across them."""
        self._known_since_ms = until_ms

    def evaluate(
        self, at_ms: int, *, composites: Iterable[str] = ()
    ) -> dict[str, MetricAlarmStateRecord]:
        """Evaluate what is due at ``at_ms``; ``composites`` even when no child of theirs moved."""
        if self._changes != self._store.changes:
            self._groups = Groups.of(self._store)
            self._changes = self._store.changes
        moved: Moved = {}
        for group in self._groups.due(at_ms):
            moved.update(self._evaluate_group(group, at_ms))
        for entry, alarm in self._groups.by_contributor:
            if at_ms % alarm.step_ms == 0 and entry.state.updated_ms < at_ms:
                moved.update(self._evaluate_contributors(entry, alarm, at_ms))
        return self.evaluate_changed(moved, at_ms, composites=composites)

    def evaluate_changed(
        self, moved: Moved, at_ms: int, *, composites: Iterable[str] = ()
    ) -> dict[str, MetricAlarmStateRecord]:
        """Return records of alarms that ``moved``, of their parents and of those that waited."""
        store = self._store
        after: Moved = dict(moved)
        records: dict[str, MetricAlarmStateRecord] = {}
        for name in moved:
            self._add_record(store.entries[name], after, records, at_ms)
        start = [name for name in moved if moved[name].state is not store.state_of(name)]
        order = store.graph.order([*start, *composites])
        for name in order:
            entry = store.entries[name]
            alarm = entry.alarm
            if name not in moved and isinstance(alarm, CompositeAlarm):
                after[name] = self._evaluate_composite(entry, alarm, after, at_ms)
                self._add_record(entry, after, records, at_ms)
        for name in sorted(store.waiting - records.keys() - set(order)):
            if store.entries[name].state.updated_ms <= at_ms:
                self._add_record(store.entries[name], after, records, at_ms)
        return records

    def _add_record(
        self, entry: Entry, after: Moved, records: dict[str, MetricAlarmStateRecord], at_ms: int
    ) -> None:
        alarm = entry.alarm
        suppressing = False
        if isinstance(alarm, CompositeAlarm) and alarm.suppressor is not None:
            suppressing = self._state(alarm.suppressor.alarm, after) is StateValue.ALARM
        alarm_state, items = notifications_after(
            alarm,
            entry.state,
            after.get(entry.name, entry.state),
            context=self._store.notification_context(entry, at_ms),
            suppressor_in_alarm=suppressing,
            at_ms=at_ms,
        )
        after[entry.name] = alarm_state
        if alarm_state != entry.state or items:
            generation = entry.record.generation
            records[entry.name] = MetricAlarmStateRecord(generation, alarm_state, tuple(items))

    def _state(self, name: str, after: Moved) -> StateValue | None:
        alarm_state = after.get(name)
        return self._store.state_of(name) if alarm_state is None else alarm_state.state

    def _evaluate_composite(
        self, entry: Entry, alarm: CompositeAlarm, after: Moved, at_ms: int
    ) -> MetricAlarmState:
        since_ms = {
            name: (after.get(name) or self._store.entries[name].state).transitioned_ms
            for name in alarm.rule.children
            if name in self._store.entries
        }
        return composite_alarm_after(
            alarm,
            entry.state,
            lambda name: self._state(name, after),
            since_ms=since_ms,
            arn_prefix=self._settings.arn_prefix,
            at_ms=at_ms,
        )

    def _evaluate_contributors(
        self, entry: Entry, alarm: ContributorAlarm, at_ms: int
    ) -> Iterator[tuple[str, MetricAlarmState]]:
        unbroken = at_ms - alarm.step_ms >= self._known_since_ms
        alarm_state = contributor_alarm_after(
            alarm,
            entry.state,
            self._contributors.contributors(alarm.rule, at_ms) if unbroken else None,
            created_ms=entry.record.created_ms,
            at_ms=at_ms,
            limit=self._settings.contributors_in_alarm,
        )
        if alarm_state != entry.state:
            yield entry.name, alarm_state

    def _evaluate_group(self, group: Group, at_ms: int) -> Iterator[tuple[str, MetricAlarmState]]:
        """Yield the alarms of a group whose state changes, with their new state."""
        times, persistence, missing, comparison = group.key
        boundaries = times.boundaries(at_ms)
        values = self._read(group, boundaries)
        codes = evaluate_rows(values, group.thresholds, comparison, persistence, missing)
        states = [CODE_BY_STATE[entry.state.state] for entry, _ in group.members]
        suspects = np.flatnonzero((codes != KEEP) & (codes != np.array(states)) | group.alone)
        for index in suspects:
            entry, alarm = group.members[index]
            if entry.state.updated_ms >= at_ms:
                continue
            row = [None if np.isnan(value) else float(value) for value in values[index]]
            alarm_state = metric_alarm_after(
                alarm,
                entry.state,
                EvaluatedRange(boundaries, row, few_samples=self._few_samples(alarm, boundaries)),
                created_ms=entry.record.created_ms,
                at_ms=at_ms,
            )
            if alarm_state is not entry.state:
                yield entry.name, alarm_state

    def _few_samples(self, alarm: MetricAlarm, boundaries: list[int]) -> bool:
        watch = alarm.watch
        if not isinstance(watch, MetricWatch) or watch.samples is None:
            return False
        start, end = boundaries[-2:]
        samples = self._metrics.read(watch.samples, start, end, end - start)
        return bool(samples.values.sum() < watch.low_samples)

    def _read(self, group: Group, boundaries: list[int]) -> Values:
        """Return the values of a group: a row per alarm, a column per period."""
        lengths = {end - start for start, end in pairwise(boundaries)}
        if len(lengths) == 1:
            return self._read_range(group, boundaries[0], boundaries[-1], lengths.pop())
        # Calendar days differ in length: read one period at a time.
        columns = [
            self._read_range(group, start, end, end - start) for start, end in pairwise(boundaries)
        ]
        return np.concatenate(columns, axis=1)

    def _read_range(self, group: Group, start: int, end: int, period: int) -> Values:
        rows = self._metrics.rows(group.direct, start, end, period)
        if not group.programs:
            return rows
        source = self._metrics.read
        read = {metric: source(metric, start, end, period) for metric in group.used}
        evaluation = DatapointRange(read, start_ms=start, end_ms=end, period_ms=period)
        for index, program, returned in group.programs:
            values = evaluation.run(program.steps)
            value = values[program.result_by_id[returned].step]
            rows[index] = value if isinstance(value, np.ndarray) else np.nan
        return rows
