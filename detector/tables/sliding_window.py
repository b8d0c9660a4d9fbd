"""The newest panes of one table as numpy matrices, and their exact sum: the window.

Law: the window is the sum of its panes, in whatever order their parts arrived. Parts of a pane are
added in the order of their sources and rows are returned in the order of their keys, so two rings
with the same parts have the same sums to the last bit.

Theory of operation: a key (group, name) is interned to a row number once; a pane is a matrix of
columns by rows. When the ring slides, the new pane is added to the running sum and the oldest is
subtracted. That is exact while all counts are whole numbers (float64 holds them up to 2**53);
otherwise the sum is recomputed from the ring. Rows that no pane holds any more are removed once
they outnumber the others.
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

# A compaction needs more dead rows than this.
SPARE_ROWS = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """Named values of rows as parallel columns: the callers of hosts."""

    rows: IntArray
    names: Sequence[str]
    values: Sequence[float]


NO_ENTRIES = Entries(np.zeros(0, np.int64), (), ())


@dataclass(slots=True)
class Part:
    """The rows of one source in one pane; parts are added in the order of ``order``.

    Every array of ``columns`` is as long as ``rows``, and so is ``latest`` (event times), if given.
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
    """The newest ``window_panes`` closed panes of ``columns`` sums, and the open panes."""

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
        """Whether any pane is open."""
        return bool(self._staged)

    @property
    def holds_rows(self) -> bool:
        """Whether any row is present in the window."""
        return any(pane is not None for pane in self._panes)

    @property
    def latest(self) -> FloatArray:
        """Newest event time by row, for rows in the window."""
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
        """Return the row numbers of ``names``; new names get new rows."""
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
        """Slide by one pane: the staged pane ``pane_ms`` enters, the oldest pane leaves."""
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
        """Return the rows that are in the window, sorted by key."""
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
        """Widen the sums to all known rows."""
        missing = len(self.keys) - self._latest.size
        if missing > 0:
            self._sums = np.pad(self._sums, ((0, 0), (0, missing)))
            self._latest = np.pad(self._latest, (0, missing))

    def _compact(self) -> None:
        """Renumber the rows by key, dropping those in neither the window nor an open pane."""
        alive = self._sums[-1] > 0.0
        if len(self.keys) <= 2 * np.count_nonzero(alive) + SPARE_ROWS:
            return
        staged = [part for parts in self._staged.values() for part in parts]
        for part in staged:
            alive[part.rows] = True
        # In key order, so that row numbers sort like their keys.
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
        """Return all rows, sorted by key."""
        if self._ordered.size < len(self._order):
            # New keys follow a sorted run, for which Timsort is fast.
            keys: list[Any] = self.keys
            self._order.sort(key=keys.__getitem__)
            self._ordered = np.array(self._order, np.int64)
        return self._ordered


def _renumbered(entries: Entries, number: IntArray) -> Entries:
    return Entries(number[entries.rows], entries.names, entries.values)
