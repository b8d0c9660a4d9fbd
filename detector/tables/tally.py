"""Tally: the open panes of one source partition, and the records of its closed panes.

Law: the tally is a function of the source partition's log from the committed offset on. Panes close
at an exact record, never at the end of a fetch, so two owners of a partition build the same panes.
The watermark is the highest event time minus the allowed lateness. An event for a closed pane is
late. An event further ahead of its record's timestamp than the tolerance is from the future and
does not move the watermark. Both are counted.

The generated loop of ``fast_path`` updates the same tables; ``PartitionTally.add`` is the plain
reference.

Known limits: duplicates are recognised within one source partition and one pane, and only by a
configured id field.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from datasketches import frequent_strings_sketch

from detector.core.vocabulary import ClosedBy
from detector.logs.events import LogEvent
from detector.rules.contribution import Contribution
from detector.rules.rules import RuleSet
from detector.tables.contributor_table import ContributorTable
from detector.tables.open_pane import OpenPane, RowRules, packed_tables
from detector.tables.pane_records import TALLY_SCHEMA, PaneRecord
from detector.tables.windows import WindowTimes

NEVER = -1
"""A pane start before all panes: no pane is closed, or a record holds progress only."""

BEFORE_ALL = NEVER - 1
"""Older than any pane and than ``NEVER``: while it is the oldest, acknowledge nothing."""


@dataclass(frozen=True, slots=True)
class TallyLimits:
    """Bounds of one pane: exact contributors per rule, size of the sketch, remembered ids."""

    exact_contributors: int = 50_000
    sketch_lg_size: int = 12
    ids_per_pane: int = 1_000_000


class PartitionTally:
    """Open panes, watermark and loss counts of one source partition.

    The owner adds events in offset order and then calls ``drain`` for the closed panes, in order.
    ``top_ms`` is the highest event time that moved the watermark, ``touched_ms`` the newest pane
    touched since the owner last reset it. ``rules_at`` returns the rules in force in the pane that
    starts at a given time.
    """

    def __init__(
        self,
        topic: str,
        partition: int,
        *,
        rules_at: Callable[[int], RuleSet],
        times: WindowTimes,
        limits: TallyLimits,
        begins_inside: bool,
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.times = times
        self.limits = limits
        self._rules_at = rules_at
        self.panes: dict[int, OpenPane] = {}
        self.closed_through_ms = NEVER
        self.top_ms = NEVER
        self.close_at_ms = 0
        self.touched_ms = NEVER
        self.late = self.future = self.duplicates = 0
        self._reported = self.losses
        self._begins_ms = NEVER
        self._partial_through_ms: int | None = None if begins_inside else NEVER
        self._closed: list[tuple[int, OpenPane | None, int, ClosedBy, tuple[int, int, int]]] = []

    def pane_for(self, time_ms: int) -> OpenPane | None:
        """Return the open pane of an event time, ``None`` when that pane is already closed."""
        start = self.times.pane_of(time_ms)
        if start <= self.closed_through_ms:
            return None
        self.touched_ms = max(self.touched_ms, start)
        pane = self.panes.get(start)
        if pane is None:
            self._find_beginning(time_ms)
            pane = self.panes[start] = OpenPane(start, self._rules_at(start))
        return pane

    def rule_set_of(self, time_ms: int) -> RuleSet:
        """Return the rules in force for an event of this time.

        An open pane keeps the rule set with which it was opened.
        """
        start = self.times.pane_of(time_ms)
        pane = self.panes.get(start)
        return self._rules_at(start) if pane is None else pane.rule_set

    def rule_sets(self) -> list[RuleSet]:
        """Return the distinct rule sets of the open panes and the following pane, oldest first.

        The next events most likely fall under one of them.
        """
        starts = sorted(self.panes)
        following = (starts[-1] + self.times.pane_ms) if starts else self.times.pane_of(self.top_ms)
        rule_sets = [self.panes[start].rule_set for start in starts] + [self._rules_at(following)]
        return list({id(each): each for each in rule_sets}.values())

    def _find_beginning(self, time_ms: int) -> None:
        """Fix, once, the newest pane that may be partial; reading began at ``time_ms``."""
        if self._partial_through_ms is None:
            # The log before the first record is unknown, and so are its events in these panes.
            newest = max(time_ms, self._begins_ms)
            self._partial_through_ms = self.times.pane_of(newest + self.times.lateness_ms)

    def begin_at(self, record_ms: int) -> None:
        """Set, once, the timestamp of the first record that is read; its event may be late."""
        if self._begins_ms == NEVER:
            self._begins_ms = record_ms

    def is_future(self, time_ms: int, record_ms: int) -> bool:
        """Return whether an event is too far ahead of its record; false without a timestamp."""
        return 0 < record_ms < time_ms - self.times.future_tolerance_ms

    def add(
        self, event: LogEvent, contributions: Sequence[tuple[int, Contribution]], *, record_ms: int
    ) -> None:
        """Count one event in its pane (reference path).

        ``contributions`` are (position in ``rule_set_of`` the event time, contribution).
        """
        time_ms = event.time_ms
        if self.is_future(time_ms, record_ms):
            self.future += 1
            return
        pane = self.pane_for(time_ms)
        if pane is None:
            self.late += 1
            return
        if event.event_id and not self.first_sight(pane, event.event_id):
            self.duplicates += 1
            return
        if event.host and event.zone:
            pane.add_event(event)
        self.add_contributions(pane, contributions)
        if time_ms > self.top_ms:
            self.advance(time_ms)

    def first_sight(self, pane: OpenPane, event_id: str) -> bool:
        """Return whether this event id is new to the pane.

        Ids beyond ``ids_per_pane`` are not remembered.
        """
        if event_id in pane.ids:
            return False
        if len(pane.ids) < self.limits.ids_per_pane:
            pane.ids.add(event_id)
        return True

    def add_contributions(
        self, pane: OpenPane, contributions: Sequence[tuple[int, Contribution]]
    ) -> None:
        """Add an event's contributions to the rules of its pane, by position."""
        for position, contribution in contributions:
            keys = contribution.keys
            self.add_contribution(
                pane.tables[position], keys[0] if len(keys) == 1 else keys, contribution
            )

    def add_contribution(
        self, table: ContributorTable, key: str | tuple[str, ...], contribution: Contribution
    ) -> None:
        """Add a contribution to a rule's table, or to its measure if it has one."""
        if not table.add_measured(key, contribution, self.limits.exact_contributors):
            self.insert(table, key, contribution.value)
        table.observe(contribution.samples, contribution.minimum, contribution.maximum)

    def count_row(self, pane: OpenPane, row: list[Any], host: str, rules: RowRules) -> None:
        """Count an event of ``row`` for ``rules``, whose keys are names of the row.

        While all of its keys are exact, the row counts later events in its own cell. Beyond the
        limit the sketch needs every event by itself, in order.
        """
        limit = self.limits.exact_contributors
        keys = [(pane.tables[at], rules.key(places, row, host)) for at, places in rules.rules]
        fits = all(key in table.values or len(table.values) < limit for table, key in keys)
        for table, key in keys:
            if fits:
                table.values.setdefault(key, 0.0)
            else:
                self.insert(table, key, 1.0)
        if fits:
            row[rules.cell] = 1

    def insert(self, table: ContributorTable, key: str | tuple[str, ...], value: float) -> None:
        """Add ``value`` to ``key``: exactly up to the limit, in the sketch beyond it."""
        table.insert(
            key,
            value,
            limit=self.limits.exact_contributors,
            new_sketch=lambda: frequent_strings_sketch(self.limits.sketch_lg_size),
        )

    def advance(self, time_ms: int) -> None:
        """Move the watermark to ``time_ms`` minus the lateness; close the panes that it passed."""
        self.top_ms = time_ms
        watermark = time_ms - self.times.lateness_ms
        self._close_through(self.times.last_closed_pane(watermark), ClosedBy.WATERMARK)
        self.close_at_ms = self.closed_through_ms + 2 * self.times.pane_ms + self.times.lateness_ms

    def close_idle(self, now_ms: int) -> None:
        """Close the panes that an idle partition has passed at ``now_ms``.

        Call only on proof that the log has ended.
        """
        self._find_beginning(now_ms)
        watermark = now_ms - self.times.lateness_ms - self.times.idle_ms
        self._close_through(self.times.last_closed_pane(watermark), ClosedBy.IDLE)
        self.close_at_ms = max(
            self.close_at_ms,
            self.closed_through_ms + 2 * self.times.pane_ms + self.times.lateness_ms,
        )

    def _close_through(self, through_ms: int, closed_by: ClosedBy) -> None:
        if through_ms <= self.closed_through_ms:
            return
        for start in sorted(start for start in self.panes if start <= through_ms):
            self._close(start, self.panes.pop(start), start, closed_by)
        if not self._closed or self._closed[-1][2] != through_ms:
            self._close(NEVER, None, through_ms, closed_by)
        self.closed_through_ms = through_ms

    @property
    def losses(self) -> tuple[int, int, int]:
        """Late, future and duplicate events so far, in the order of ``Loss``."""
        return self.late, self.future, self.duplicates

    def _close(
        self, start: int, pane: OpenPane | None, through_ms: int, closed_by: ClosedBy
    ) -> None:
        late, future, duplicates = self._reported
        self._reported = self.losses
        since = (self.late - late, self.future - future, self.duplicates - duplicates)
        self._closed.append((start, pane, through_ms, closed_by, since))

    @property
    def oldest_open_ms(self) -> int | None:
        """Start of the oldest pane that is open or may be partial; ``None`` if there is none.

        While panes may be partial it is before all panes: after a commit, the next owner would
        start there and take them for whole.
        """
        if self._partial_through_ms is None or self.closed_through_ms < self._partial_through_ms:
            return BEFORE_ALL
        return min(self.panes) if self.panes else None

    @property
    def has_closed(self) -> bool:
        """Whether ``drain`` would return anything."""
        return bool(self._closed)

    def drain(
        self, *, sources: dict[str, int], parts: int, part_of: Callable[[str], int]
    ) -> list[list[PaneRecord]]:
        """Return the closed panes in order, each as one record per partition of the tallies topic.

        ``part_of`` maps a subject to its partition of ``parts``. Every partition gets a record of
        every pane, with or without subjects, because each needs the progress.
        """
        closed, self._closed = self._closed, []
        partial_through_ms = NEVER if self._partial_through_ms is None else self._partial_through_ms
        records = []
        for start, pane, through_ms, closed_by, losses in closed:
            fleets, rules = packed_tables(pane) if pane is not None else ([], [])
            records.append(
                [
                    PaneRecord(
                        schema=TALLY_SCHEMA,
                        topic=self.topic,
                        partition=self.partition,
                        sources=sources,
                        pane_ms=start,
                        through_ms=through_ms,
                        closed_by=closed_by,
                        partial=through_ms <= partial_through_ms,
                        late=losses[0],
                        future=losses[1],
                        duplicates=losses[2],
                        fleets=[f for f in fleets if part_of(f"fleet:{f.service}") == part],
                        rules=[r for r in rules if part_of(f"rule:{r.rule}") == part],
                    )
                    for part in range(parts)
                ]
            )
        return records
