"""Merge: the panes of all source partitions become one per subject, and the last panes windows.

Law: the slides are a function of the pane records alone. Order of arrival between sources,
repetition and chunking change nothing; only running out of patience depends on a clock, and then
the window says which partitions it lacks.

Theory of operation: of every source partition the first record of a pane wins, since a restarted
worker may tell a pane again, and less of it. Records wait in their tables until ``SourceProgress``
lets their pane close; then every table slides by one pane. Panes in which nothing is left to show
are skipped, so that a long silence costs nothing.

Known limits: a record that comes after its window closed is late as a whole, and is counted by the
requests of its fleets. A window that closed incomplete may be complete when it is replayed after a
restart.

Cost of one slide of 20,000 hosts in 3 zones from 4 source partitions, each of which heard nine
hosts in ten, with 4,000 contributors of one rule (one core, best of 36): decoding 3.3 ms, applying
6.6 ms, closing and showing 3.5 ms; evaluating it takes 3.5 ms. With faults on every host, ten times
the entries of callers and contributors, applying takes about 80 ms.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from detector.rules.rules import RuleSet
from detector.tables.contributor_window import VersionTable
from detector.tables.host_window import FleetTable, Slide
from detector.tables.pane_chunks import ChunkBuffer
from detector.tables.pane_encoding import check_record, float_column
from detector.tables.pane_records import PaneRecord
from detector.tables.reports import NewestPane, WindowMeta
from detector.tables.watermarks import SourceProgress
from detector.tables.window_versions import WindowVersions
from detector.tables.windows import Window, WindowTimes

APPLIED: Final = "applied"
DUPLICATE: Final = "duplicate"
LATE: Final = "late"
INCOMPLETE_CHUNK: Final = "incomplete_chunk"

# Before every pane.
NEVER: Final = -(2**62)


class Merge:
    """All subjects of one partition of the tallies topic.

    ``exact_contributors``: most keys that a rule window lists. ``rules_at``: the rules in force in
    the pane that starts at a given time.
    """

    def __init__(
        self,
        times: WindowTimes,
        exact_contributors: int,
        rules_at: Callable[[int], RuleSet] = lambda _: RuleSet(),
    ) -> None:
        self._times = times
        self._exact_contributors = exact_contributors
        self._shown_rules = WindowVersions(rules_at, times, exact_contributors)
        self._progress = SourceProgress(times.patience_ms)
        self._chunks = ChunkBuffer()
        self._fleets: dict[str, FleetTable] = {}
        self._rules: dict[tuple[str, str], VersionTable] = {}
        self._open_panes: set[int] = set()
        self._closed = NEVER
        self._evaluated = -1
        self._oldest_taken = 0
        self._late: dict[int, int] = {}
        self._partial: list[tuple[int, int]] = []
        self._faults: deque[tuple[int, bool, tuple[str, ...]]] = deque()

    def skip_through(self, pane_ms: int) -> None:
        """Show no window up to the one that ends with ``pane_ms``: a former life evaluated them."""
        self._evaluated = pane_ms
        self._oldest_taken = self._first_pane_with(pane_ms)

    @property
    def closed_through(self) -> int | None:
        """Return the newest pane that has closed, shown or not; ``None`` before the first."""
        return None if self._closed == NEVER else self._closed

    def oldest_needed_pane(self) -> int | None:
        """Return the oldest pane that a successor needs; ``None`` while no pane has closed.

        Records of older panes need not be replayed. The newest closed window is whole in
        the replay, so that a successor knows which tables become empty with the next one.
        """
        return None if self._closed == NEVER else self._first_pane_with(self._closed)

    def apply(self, record: PaneRecord, arrived: float) -> str:
        """Take one record in; ``arrived`` in seconds. Return what became of it.

        ``ValueError`` when the tables in it are malformed; nothing has changed then.
        """
        check_record(record)
        source = (record.topic, record.partition)
        identity = record.pane_ms if record.pane_ms >= 0 else record.through_ms
        if identity <= self._progress.through(source):
            return DUPLICATE
        whole = self._chunks.add(record)
        if whole is None:
            return INCOMPLETE_CHUNK
        if whole.partial:
            # Also where the source told of no events: it may not have seen them.
            self._partial.append((self._progress.through(source), whole.through_ms))
        self._progress.note(source, whole.through_ms, whole.sources, arrived)
        if whole.late and identity > self._evaluated:
            self._late[identity] = self._late.get(identity, 0) + whole.late
        if whole.pane_ms < 0:
            return APPLIED
        if whole.pane_ms < self._oldest_taken:
            return DUPLICATE
        if whole.pane_ms <= self._closed:
            self._late[self._closed] = self._late.get(self._closed, 0) + _requests_in(whole)
            return LATE
        self._stage(whole)
        return APPLIED

    def advance(self, now: float) -> list[Slide]:
        """Close every pane that may close at ``now`` (seconds); return the completed windows."""
        frontier = self._times.pane_of(self._progress.frontier(now))
        slides = []
        while (pane := self._next_pane(frontier)) is not None:
            slide = self._close(pane)
            if slide is not None:
                slides.append(slide)
        if frontier > max(self._closed, -1):
            self._skip_to(frontier)
        return slides

    def _first_pane_with(self, pane_ms: int) -> int:
        """Return the first pane of the window that ends with ``pane_ms``."""
        return Window.ending_with(pane_ms, self._times).start_ms

    def _stage(self, record: PaneRecord) -> None:
        pane = record.pane_ms
        self._open_panes.add(pane)
        panes = self._times.window_panes
        for place, fleet in enumerate(record.fleets):
            order = (record.topic, record.partition, place)
            fleet_table = self._fleets.get(fleet.service)
            if fleet_table is None:
                fleet_table = self._fleets[fleet.service] = FleetTable(fleet.service, panes)
            fleet_table.stage(pane, order, fleet)
        for place, rule in enumerate(record.rules):
            order = (record.topic, record.partition, place)
            name = (rule.rule, rule.version)
            rule_table = self._rules.get(name)
            if rule_table is None:
                rule_table = self._rules[name] = VersionTable(
                    *name, panes, self._exact_contributors
                )
            rule_table.stage(pane, order, rule)

    def _next_pane(self, frontier: int) -> int | None:
        """Return the following pane while there is something to show, else the next with data."""
        if not all(table.is_empty for table in self._tables()):
            pane = self._closed + self._times.pane_ms
        else:
            pane = min(self._open_panes, default=frontier + 1)
        return pane if pane <= frontier else None

    def _close(self, pane: int) -> Slide | None:
        self._note_faults_until(pane)
        self._open_panes.discard(pane)
        meta = self._describe(Window.ending_with(pane, self._times))
        was_empty = {id(table) for table in self._tables() if table.is_empty}
        for table in self._tables():
            table.close(pane)
        # A table that has become empty is shown once more, so that its alarms can be cleared.
        shown = [
            table for table in self._tables() if not (table.is_empty and id(table) in was_empty)
        ]
        slide = self._show(meta, shown) if pane > self._evaluated else None
        self._fleets = {name: table for name, table in self._fleets.items() if not table.is_idle}
        self._rules = {name: table for name, table in self._rules.items() if not table.is_idle}
        return slide

    def _show(self, meta: WindowMeta, tables: Sequence[FleetTable | VersionTable]) -> Slide:
        fleets = sorted((t for t in tables if isinstance(t, FleetTable)), key=lambda t: t.service)
        rules = [table for table in tables if isinstance(table, VersionTable)]
        windows = [
            chosen.window(its_meta, labels)
            for chosen, its_meta, labels in self._shown_rules.choose(rules, meta)
        ]
        return Slide(meta, [table.window(meta) for table in fleets], windows)

    def _skip_to(self, frontier: int) -> None:
        """Close everything up to ``frontier``, where nothing is left to show."""
        self._note_faults_until(frontier)
        late = self._take_late(frontier)
        if late:
            self._late[frontier] = late

    def _note_faults_until(self, pane: int) -> None:
        """Move on to ``pane``; remember which panes of its window are incomplete or partial."""
        pane_ms = self._times.pane_ms
        start = pane - (self._times.window_panes - 1) * pane_ms
        for passed in range(max(start, self._closed + pane_ms), pane + 1, pane_ms):
            missing = self._progress.missing(passed)
            partial = any(after < passed <= through for after, through in self._partial)
            if missing or partial:
                self._faults.append((passed, partial, missing))
        self._partial = [span for span in self._partial if span[1] > pane]
        while self._faults and self._faults[0][0] < start:
            self._faults.popleft()
        self._closed = pane

    def _describe(self, window: Window) -> WindowMeta:
        missing = {name for _, _, names in self._faults for name in names}
        return WindowMeta(
            window=window,
            complete=not missing,
            partial=any(partial for _, partial, _ in self._faults),
            missing_partitions=tuple(sorted(missing)),
            late=self._take_late(self._closed),
            newest=NewestPane(
                self._closed, all(passed != self._closed for passed, _, _ in self._faults)
            ),
        )

    def _take_late(self, pane: int) -> int:
        return sum(self._late.pop(known) for known in list(self._late) if known <= pane)

    def _tables(self) -> Iterator[FleetTable | VersionTable]:
        yield from self._fleets.values()
        yield from self._rules.values()


def _requests_in(record: PaneRecord) -> int:
    return round(sum(float(float_column(fleet.requests).sum()) for fleet in record.fleets))
