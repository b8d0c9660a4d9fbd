"""The last panes of one table as numpy matrices, and their exact sum: the window.

Law: the window is the sum of its panes, whatever the order in which their parts arrived. Parts of
one pane are added in the order of their sources and rows leave in the order of their keys, so that
two rings that saw the same parts answer alike to the last bit.

Theory of operation: a key (group, name) is interned to a row number once; after that a pane is a
matrix of columns by rows. When the ring slides, the new pane is added to the running sum and the
one that leaves is subtracted. That is exact while all counts are whole numbers (float64 holds them
up to 2**53); otherwise the sum is made anew from the ring. Rows that no pane holds any more are
compacted away once they outnumber the others.
"""

from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Name = TypeVar("Name", bound=Hashable)

# Fewer dead rows than this are never worth a compaction.
SPARE_ROWS = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """Named values that belong to rows, parallel: the callers of hosts."""

    rows: IntArray
    names: Sequence[str]
    values: Sequence[float]


NO_ENTRIES = Entries(np.zeros(0, np.int64), (), ())


@dataclass(slots=True)
class Part:
    """What one source has to say about one pane; ``order`` is its place among the parts.

    Every array of ``columns`` is as long as ``rows``; so is ``latest`` (event times), if there is
    one.
    """

    order: tuple[str, int, int]
    rows: IntArray
    columns: tuple[FloatArray, ...]
    latest: FloatArray | None = None
    entries: Entries = NO_ENTRIES


@dataclass(slots=True)
class _Pane:
    """One closed pane: columns by rows; the last column marks presence. ``whole``: no fractions."""

    matrix: FloatArray
    whole: bool
    entries: list[Entries]


class PaneRing(Generic[Name]):
    """The newest ``window_panes`` closed panes of ``columns`` sums, and panes still open."""

    def __init__(self, window_panes: int, columns: int) -> None:
        self._window_panes = window_panes
        self._columns = columns
        self._rows: dict[str, dict[Name, int]] = {}
        self.keys: list[tuple[str, Name]] = []
        self._order: list[int] = []
        self._ordered: IntArray = np.zeros(0, np.int64)
        self._staged: dict[int, list[Part]] = {}
        self._panes: deque[_Pane | None] = deque()
        self._sums: FloatArray = np.zeros((columns + 1, 0))
        self._latest: FloatArray = np.zeros(0)
        self._sums_are_whole = True
        self.generation = 0

    @property
    def open_panes(self) -> bool:
        """Say whether parts of panes that are not closed yet are held."""
        return bool(self._staged)

    @property
    def holds_rows(self) -> bool:
        """Say whether any row is present in the window."""
        return any(pane is not None for pane in self._panes)

    @property
    def latest(self) -> FloatArray:
        """Newest event time by row, of rows that are in the window."""
        return self._latest

    def sums(self, rows: IntArray) -> FloatArray:
        """Return the window's columns of ``rows``, without presence."""
        chosen: FloatArray = self._sums[:-1, rows]
        return chosen

    def newest(self, rows: IntArray) -> FloatArray:
        """Return the newest pane's columns of ``rows``; the last is 1 where it holds the row."""
        chosen = np.zeros((self._columns + 1, rows.size))
        pane = self._panes[-1] if self._panes else None
        if pane is not None:
            known = rows < pane.matrix.shape[1]
            chosen[:, known] = pane.matrix[:, rows[known]]
        return chosen

    def rows_of(self, group: str, names: Sequence[Name]) -> IntArray:
        """Return the row numbers of ``names``, giving new ones to names not met before."""
        table = self._rows.setdefault(group, {})
        rows = np.fromiter(map(table.get, names, repeat(-1)), np.int64, len(names))
        for position in np.flatnonzero(rows < 0).tolist():
            name = names[position]
            row = table.get(name)
            if row is None:
                row = table[name] = len(self.keys)
                self.keys.append((group, name))
                self._order.append(row)
            rows[position] = row
        return rows

    def stage(self, pane_ms: int, part: Part) -> None:
        """Hold ``part`` until its pane closes."""
        self._staged.setdefault(pane_ms, []).append(part)

    def close(self, pane_ms: int) -> None:
        """Slide by one pane: what was staged for ``pane_ms`` comes in, the oldest pane leaves."""
        parts = sorted(self._staged.pop(pane_ms, ()), key=lambda part: part.order)
        entering = self._add_up(parts) if any(part.rows.size for part in parts) else None
        self._fit()
        full = len(self._panes) == self._window_panes
        leaving = self._panes.popleft() if full else None
        self._panes.append(entering)
        self._slide_sums(entering, leaving)
        for part in parts:
            if part.latest is not None:
                self._latest[part.rows] = np.maximum(self._latest[part.rows], part.latest)
        self._compact()

    def present(self) -> IntArray:
        """Return the rows that are in the window, by key."""
        self._fit()
        rows = self._sorted_rows()
        chosen: IntArray = rows[self._sums[-1, rows] > 0.0]
        return chosen

    def entries(self, rows: IntArray) -> Iterator[tuple[int, str, float]]:
        """Yield row, name and value of every entry of ``rows`` in the window, oldest pane first."""
        wanted = np.zeros(len(self.keys), np.bool_)
        wanted[rows] = True
        for pane in self._panes:
            for entries in pane.entries if pane is not None else ():
                for position in np.flatnonzero(wanted[entries.rows]).tolist():
                    yield (
                        int(entries.rows[position]),
                        entries.names[position],
                        entries.values[position],
                    )

    def _add_up(self, parts: Sequence[Part]) -> _Pane:
        count = len(self.keys)
        rows = np.concatenate([part.rows for part in parts])
        matrix = np.empty((self._columns + 1, count))
        for column in range(self._columns):
            weights = np.concatenate([part.columns[column] for part in parts])
            matrix[column] = np.bincount(rows, weights, count)
        matrix[-1] = np.bincount(rows, None, count) > 0
        # The sum of a full window must stay below 2**53 to be exact.
        whole = bool(np.abs(matrix).max() < 2.0**53 / self._window_panes) and bool(
            np.array_equal(matrix, np.rint(matrix))
        )
        return _Pane(matrix, whole, [part.entries for part in parts if part.entries.names])

    def _slide_sums(self, entering: _Pane | None, leaving: _Pane | None) -> None:
        panes = [pane for pane in self._panes if pane is not None]
        whole = all(pane.whole for pane in panes)
        if whole and self._sums_are_whole:
            for pane, sign in ((entering, 1.0), (leaving, -1.0)):
                if pane is not None:
                    self._sums[:, : pane.matrix.shape[1]] += sign * pane.matrix
        else:
            self._sums = np.zeros_like(self._sums)
            for pane in panes:
                self._sums[:, : pane.matrix.shape[1]] += pane.matrix
        self._sums_are_whole = whole

    def _fit(self) -> None:
        """Widen the sums to all rows known by now."""
        missing = len(self.keys) - self._latest.size
        if missing > 0:
            self._sums = np.pad(self._sums, ((0, 0), (0, missing)))
            self._latest = np.pad(self._latest, (0, missing))

    def _compact(self) -> None:
        """Number the rows anew, by key, without those in neither the window nor an open pane."""
        alive = self._sums[-1] > 0.0
        if len(self.keys) <= 2 * np.count_nonzero(alive) + SPARE_ROWS:
            return
        staged = [part for parts in self._staged.values() for part in parts]
        for part in staged:
            alive[part.rows] = True
        # In key order, which makes the new row numbers their own order.
        kept = self._sorted_rows()[alive[self._sorted_rows()]]
        number = np.full(len(self.keys), -1, np.int64)
        number[kept] = np.arange(kept.size)
        for pane in self._panes:
            if pane is not None:
                self._renumber(pane, kept, number)
        for part in staged:
            part.rows = number[part.rows]
            part.entries = _renumbered(part.entries, number)
        self.keys = [self.keys[row] for row in kept.tolist()]
        self._rows = {}
        for row, (group, name) in enumerate(self.keys):
            self._rows.setdefault(group, {})[name] = row
        self._order = list(range(kept.size))
        self._ordered = np.arange(kept.size)
        self._sums = self._sums[:, kept]
        self._latest = self._latest[kept]
        self.generation += 1

    def _renumber(self, pane: _Pane, kept: IntArray, number: IntArray) -> None:
        known = kept < pane.matrix.shape[1]
        matrix = np.zeros((self._columns + 1, kept.size))
        matrix[:, known] = pane.matrix[:, kept[known]]
        pane.matrix = matrix
        pane.entries = [_renumbered(entries, number) for entries in pane.entries]

    def _sorted_rows(self) -> IntArray:
        """Return all rows by key."""
        if self._ordered.size < len(self._order):
            # New keys follow a sorted run, which the sort takes in its stride.
            keys: list[Any] = self.keys
            self._order.sort(key=keys.__getitem__)
            self._ordered = np.array(self._order, np.int64)
        return self._ordered


def _renumbered(entries: Entries, number: IntArray) -> Entries:
    return Entries(number[entries.rows], entries.names, entries.values)
