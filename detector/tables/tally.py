"""Tally: the open panes of one source partition, and the records that tell of its closed ones.

Law: everything here is a function of the source partition's log from the committed offset on.
Panes close at an exact record, never at the end of a fetch, so two owners of one partition build
the same panes. The watermark is the highest event time so far minus the allowed lateness; an event
for a closed pane is late; an event further ahead of its own record's timestamp than the tolerance
is from the future and must not move the watermark. Both are counted.

The generated loop of ``fast_path`` writes into the same tables; ``PartitionTally.add`` is the
plain reference.

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
"""A pane start before all panes: nothing is closed yet, or a record tells progress only."""

BEFORE_ALL = NEVER - 1
"""Older than any pane, and than no pane: while it is the oldest, nothing may be acknowledged."""


@dataclass(frozen=True, slots=True)
class TallyLimits:
    """Bounds of one pane: exact contributors per rule, sketch size beyond, remembered ids."""

    exact_contributors: int = 50_000
    sketch_lg_size: int = 12
    ids_per_pane: int = 1_000_000


class PartitionTally:
    """Open panes, watermark and loss counts of one source partition.

    The owner feeds records in offset order, then takes ``drain()``: closed panes in order.
    ``top_ms`` is the highest event time that moved the watermark; ``touched_ms`` the newest pane
    touched since the owner last reset it. ``rules_at`` gives the rules in force in the pane that
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
        self._told = self.losses
        self._begins_ms = NEVER
        self._partial_through_ms: int | None = None if begins_inside else NEVER
        self._closed: list[tuple[int, OpenPane | None, int, ClosedBy, tuple[int, int, int]]] = []

    def pane_for(self, time_ms: int) -> OpenPane | None:
        """Return the open pane for an event time, or ``None`` when that pane is closed already."""
        start = self.times.pane_of(time_ms)
        if start <= self.closed_through_ms:
            return None
        self.touched_ms = max(self.touched_ms, start)
        pane = self.panes.get(start)
        if pane is None:
            self._find_beginning(time_ms)
            pane = self.panes[start] = OpenPane(start, self._rules_at(start))
        return pane

    def book_of(self, time_ms: int) -> RuleSet:
        """Return the rules that are in force for an event of this time.

        An open pane keeps the book with which it was opened.
        """
        start = self.times.pane_of(time_ms)
        pane = self.panes.get(start)
        return self._rules_at(start) if pane is None else pane.book

    def books(self) -> list[RuleSet]:
        """Return the different books of the open panes and of the pane behind them, oldest first.

        These are what the next events will meet, as far as can be told.
        """
        starts = sorted(self.panes)
        following = (starts[-1] + self.times.pane_ms) if starts else self.times.pane_of(self.top_ms)
        books = [self.panes[start].book for start in starts] + [self._rules_at(following)]
        return list({id(book): book for book in books}.values())

    def _find_beginning(self, time_ms: int) -> None:
        """Note up to where panes may be partial; ``time_ms`` is where the log was first seen."""
        if self._partial_through_ms is None:
            # The log before the first record is unknown; so is every pane that it may have fed.
            newest = max(time_ms, self._begins_ms)
            self._partial_through_ms = self.times.pane_of(newest + self.times.lateness_ms)

    def begin_at(self, record_ms: int) -> None:
        """Note the timestamp of the first record that is read, once; its event may come late."""
        if self._begins_ms == NEVER:
            self._begins_ms = record_ms

    def is_future(self, time_ms: int, record_ms: int) -> bool:
        """Say whether an event is too far ahead of its record; no timestamp, no doubt."""
        return 0 < record_ms < time_ms - self.times.future_tolerance_ms

    def add(
        self, event: LogEvent, contributions: Sequence[tuple[int, Contribution]], *, record_ms: int
    ) -> None:
        """Count one event in its pane (reference path).

        ``contributions`` are (position in ``book_of`` the event, contribution).
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
        """Say whether the pane has not seen this event id.

        Beyond ``ids_per_pane`` ids nothing is remembered.
        """
        if event_id in pane.ids:
            return False
        if len(pane.ids) < self.limits.ids_per_pane:
            pane.ids.add(event_id)
        return True

    def add_contributions(
        self, pane: OpenPane, contributions: Sequence[tuple[int, Contribution]]
    ) -> None:
        """Add what one event contributes to the rules of its pane, by position."""
        for position, contribution in contributions:
            keys = contribution.keys
            self.add_contribution(
                pane.tables[position], keys[0] if len(keys) == 1 else keys, contribution
            )

    def add_contribution(
        self, table: ContributorTable, key: str | tuple[str, ...], contribution: Contribution
    ) -> None:
        """Add one contribution to a rule's table, to its measure where the rule has one."""
        if not table.add_measured(key, contribution, self.limits.exact_contributors):
            self.insert(table, key, contribution.value)
        table.observe(contribution.samples, contribution.minimum, contribution.maximum)

    def count_row(self, pane: OpenPane, row: list[Any], host: str, rules: RowRules) -> None:
        """Count an event of ``row`` for ``rules``, whose keys are names of the row.

        While all of its keys are exact, the row counts for them from now on, in its own cell.
        Beyond the limit the sketch wants every event by itself, in order.
        """
        limit = self.limits.exact_contributors
        keys = [(pane.tables[at], rules.key(places, row, host)) for at, places in rules.rules]
        room = all(key in table.values or len(table.values) < limit for table, key in keys)
        for table, key in keys:
            if room:
                table.values.setdefault(key, 0.0)
            else:
                self.insert(table, key, 1.0)
        if room:
            row[rules.cell] = 1

    def insert(self, table: ContributorTable, key: str | tuple[str, ...], value: float) -> None:
        """Add ``value`` to ``key``: exactly while there is room, beyond that in the sketch."""
        table.insert(
            key,
            value,
            limit=self.limits.exact_contributors,
            new_sketch=lambda: frequent_strings_sketch(self.limits.sketch_lg_size),
        )

    def advance(self, time_ms: int) -> None:
        """Move the watermark to what ``time_ms`` allows and close every pane that it passed."""
        self.top_ms = time_ms
        watermark = time_ms - self.times.lateness_ms
        self._close_through(self.times.last_closed_pane(watermark), ClosedBy.WATERMARK)
        self.close_at_ms = self.closed_through_ms + 2 * self.times.pane_ms + self.times.lateness_ms

    def close_idle(self, now_ms: int) -> None:
        """Close what an idle partition would have closed by now.

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
        late, future, duplicates = self._told
        self._told = self.losses
        since = (self.late - late, self.future - future, self.duplicates - duplicates)
        self._closed.append((start, pane, through_ms, closed_by, since))

    @property
    def oldest_open_ms(self) -> int | None:
        """Start of the oldest pane that is open or may be partial, ``None`` when there is none.

        While panes may be partial it is before all panes: a commit would let a successor, which
        begins at a commit, take them for whole.
        """
        if self._partial_through_ms is None or self.closed_through_ms < self._partial_through_ms:
            return BEFORE_ALL
        return min(self.panes) if self.panes else None

    @property
    def has_closed(self) -> bool:
        """Say whether there is something to drain."""
        return bool(self._closed)

    def drain(
        self, *, sources: dict[str, int], parts: int, part_of: Callable[[str], int]
    ) -> list[list[PaneRecord]]:
        """Return the closed panes in order, each as one record per partition of the tallies topic.

        ``part_of`` maps a subject to its partition of ``parts``; every partition hears of every
        pane, with or without subjects, because progress is told everywhere.
        """
        closed, self._closed = self._closed, []
        partial_through_ms = NEVER if self._partial_through_ms is None else self._partial_through_ms
        told = []
        for start, pane, through_ms, closed_by, losses in closed:
            fleets, rules = packed_tables(pane) if pane is not None else ([], [])
            told.append(
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
        return told
