"""Merge: adds up the panes of all source partitions and slides the windows.

Law: the slides are a function of the pane records alone. Order of arrival between sources,
repetition and chunking change nothing. Only the maximum wait depends on a clock, and then the
window names the partitions it lacks.

Theory of operation: the first record of a pane from a source partition wins, because a restarted
worker may publish a pane again with fewer events in it. Records wait in their tables until
``SourceProgress`` lets their pane close; then every table slides by one pane. Panes that have
nothing to show are skipped, so a long silence costs nothing.

Known limits: a record that arrives after its window closed is late as a whole and counts as late
the requests of its fleets. A window that closed incomplete may be complete when it is replayed
after a restart.

Cost of one slide of 20,000 hosts in 3 zones from 4 source partitions, each with nine hosts in ten,
and 4,000 contributors of one rule (one core, best of 36): decoding 3.3 ms, applying 6.6 ms, closing
and building the windows 3.5 ms; evaluating it takes 3.5 ms. With faults on every host, which means
ten times the entries of callers and contributors, applying takes about 80 ms.
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

# A pane start before all panes.
NEVER: Final = -(2**62)


class Merge:
    """All subjects of one partition of the tallies topic.

    A rule window lists at most ``exact_contributors`` keys. ``rules_at`` returns the rules in force
    in the pane that starts at a given time.
    """

    def __init__(
        self,
        times: WindowTimes,
        exact_contributors: int,
        rules_at: Callable[[int], RuleSet] = lambda _: RuleSet(),
    ) -> None:
        self._times = times
        self._exact_contributors = exact_contributors
        self._versions = WindowVersions(rules_at, times, exact_contributors)
        self._progress = SourceProgress(times.max_wait_ms)
        self._chunks = ChunkBuffer()
        self._fleets: dict[str, FleetTable] = {}
        self._rules: dict[tuple[str, str], VersionTable] = {}
        self._open_panes: set[int] = set()
        self._closed = NEVER
        self._evaluated = -1
        self._oldest_accepted = 0
        self._late: dict[int, int] = {}
        self._partial: list[tuple[int, int]] = []
        self._faults: deque[tuple[int, bool, tuple[str, ...]]] = deque()

    def skip_through(self, pane_ms: int) -> None:
        """Return no slide up to ``pane_ms``, because they were evaluated before the restart."""
        self._evaluated = pane_ms
        self._oldest_accepted = self._first_pane_with(pane_ms)

    @property
    def closed_through(self) -> int | None:
        """Newest closed pane, with or without a slide; ``None`` before the first."""
        return None if self._closed == NEVER else self._closed

    def oldest_needed_pane(self) -> int | None:
        """Return the oldest pane that the next owner needs; ``None`` while no pane has closed.

        Records of older panes need no replay. The replay holds the whole newest closed window, so
        that the next owner knows which tables become empty with the next pane.
        """
        return None if self._closed == NEVER else self._first_pane_with(self._closed)

    def apply(self, record: PaneRecord, arrived: float) -> str:
        """Apply a record that arrived at ``arrived`` (seconds); return its result.

        The result is ``APPLIED``, ``DUPLICATE``, ``LATE`` or ``INCOMPLETE_CHUNK``. ``ValueError``
        for malformed tables, without any change.
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
            # Panes without events too: the source may not have read them.
            self._partial.append((self._progress.through(source), whole.through_ms))
        self._progress.note(source, whole.through_ms, whole.sources, arrived)
        if whole.late and identity > self._evaluated:
            self._late[identity] = self._late.get(identity, 0) + whole.late
        if whole.pane_ms < 0:
            return APPLIED
        if whole.pane_ms < self._oldest_accepted:
            return DUPLICATE
        if whole.pane_ms <= self._closed:
            self._late[self._closed] = self._late.get(self._closed, 0) + _requests_in(whole)
            return LATE
        self._stage(whole)
        return APPLIED

    def advance(self, now: float) -> list[Slide]:
        """Close every pane that may close at ``now`` (seconds); return the slides."""
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
        for position, fleet in enumerate(record.fleets):
            order = (record.topic, record.partition, position)
            fleet_table = self._fleets.get(fleet.service)
            if fleet_table is None:
                fleet_table = self._fleets[fleet.service] = FleetTable(fleet.service, panes)
            fleet_table.stage(pane, order, fleet)
        for position, rule in enumerate(record.rules):
            order = (record.topic, record.partition, position)
            name = (rule.rule, rule.version)
            rule_table = self._rules.get(name)
            if rule_table is None:
                rule_table = self._rules[name] = VersionTable(
                    *name, panes, self._exact_contributors
                )
            rule_table.stage(pane, order, rule)

    def _next_pane(self, frontier: int) -> int | None:
        """Return the following pane while a window holds anything, else the next pane with data."""
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
        # A table that has become empty is shown once more, so that its alarms can clear.
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
            for chosen, its_meta, labels in self._versions.choose(rules, meta)
        ]
        return Slide(meta, [table.window(meta) for table in fleets], windows)

    def _skip_to(self, frontier: int) -> None:
        """Close all panes up to ``frontier``, none of which has anything to show."""
        self._note_faults_until(frontier)
        late = self._pop_late(frontier)
        if late:
            self._late[frontier] = late

    def _note_faults_until(self, pane: int) -> None:
        """Advance to ``pane``; remember which panes of its window are incomplete or partial."""
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
            late=self._pop_late(self._closed),
            newest=NewestPane(
                self._closed, all(passed != self._closed for passed, _, _ in self._faults)
            ),
        )

    def _pop_late(self, pane: int) -> int:
        return sum(self._late.pop(known) for known in list(self._late) if known <= pane)

    def _tables(self) -> Iterator[FleetTable | VersionTable]:
        yield from self._fleets.values()
        yield from self._rules.values()


def _requests_in(record: PaneRecord) -> int:
    return round(sum(float(float_column(fleet.requests).sum()) for fleet in record.fleets))
