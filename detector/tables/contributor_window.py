"""Contributors of one rule in a window: what its panes hold, added up, with what sketches add.

Law: what a table shows is a function of the panes in its window alone; rows come out by key.

Known limits: a rule window lists at most ``exact_contributors`` keys, the largest; what the others
own is in ``others``. While two versions of a rule have panes in the window, only the newer one is
shown and it is marked partial. Memory: at most ``exact_contributors`` rows per source partition and
pane of the window.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from datasketches import frequent_items_error_type, frequent_strings_sketch

from detector.tables.measured_columns import (
    SketchedRows,
    measured_window,
    numerators_of,
    sketched_rows,
)
from detector.tables.pane_encoding import float_column
from detector.tables.pane_records import MeasuredPane, RulePane
from detector.tables.reports import RuleWindow, WindowMeta
from detector.tables.sliding_window import FloatArray, IntArray, PaneRing, Part

# Base 2 logarithm of the map that sketches are merged into: large enough to add no error to theirs.
MERGED_SKETCH_LG = 13

# Keys in sketches are JSON lists, so this is none of them.
NO_KEY = ""

PartOrder = tuple[str, int, int]
_read_key: Callable[[str], tuple[str, ...]] = msgspec.json.Decoder(tuple[str, ...]).decode


@dataclass(frozen=True, slots=True)
class _RulePane:
    """What a rule's closed pane holds besides its exact contributors."""

    samples: float
    minimum: float
    maximum: float
    sketch: frequent_strings_sketch | None
    sketch_weight: float
    buckets: list[SketchedRows]
    unheld: float


class VersionTable:
    """Contributors of one version of one rule."""

    def __init__(self, rule: str, version: str, window_panes: int, exact_contributors: int) -> None:
        self.rule = rule
        self.version = version
        self._most = exact_contributors
        self._ring: PaneRing[tuple[str, ...]] = PaneRing(window_panes, 1)
        self._staged: dict[int, list[tuple[PartOrder, RulePane]]] = {}
        self._panes: deque[_RulePane | None] = deque(maxlen=window_panes)
        self._measured: MeasuredPane | None = None
        self._window_panes = window_panes

    @property
    def is_empty(self) -> bool:
        """Say whether the window holds nothing."""
        return not any(self._panes)

    @property
    def is_idle(self) -> bool:
        """Say whether neither the window nor an open pane holds anything."""
        return self.is_empty and not self._staged

    @property
    def silent_panes(self) -> int:
        """Count the panes that closed since the last one that held anything."""
        silent = 0
        while silent < len(self._panes) and self._panes[-1 - silent] is None:
            silent += 1
        return silent

    def stage(self, pane_ms: int, order: PartOrder, pane: RulePane) -> None:
        """Hold the contributors of one source for an open pane."""
        if self._measured is None and pane.measured is not None:
            self._measured = pane.measured
            self._ring = PaneRing(self._window_panes, 2)
        columns: tuple[FloatArray, ...] = (float_column(pane.values),)
        if self._measured is not None:
            columns = (*columns, numerators_of(pane))
        rows = self._ring.rows_of("", pane.keys)
        self._ring.stage(pane_ms, Part(order, rows, columns))
        bare = pane if pane.measured else msgspec.structs.replace(pane, keys=[], values=b"")
        self._staged.setdefault(pane_ms, []).append((order, bare))

    def close(self, pane_ms: int) -> None:
        """Slide by one pane."""
        self._ring.close(pane_ms)
        staged = sorted(self._staged.pop(pane_ms, ()), key=lambda item: item[0])
        self._panes.append(_joined([pane for _, pane in staged]) if staged else None)

    def window(self, meta: WindowMeta, key_labels: tuple[str, ...]) -> RuleWindow:
        """Return the window with its keys in order.

        Under a measure the newest pane is not told by itself: neither ratios nor percentiles of
        panes add up to those of a longer time.
        """
        rows = self._ring.present()
        sums = self._ring.sums(rows)
        whole = [pane for pane in self._panes if pane is not None]
        window = self._show(meta, key_labels, whole, rows, sums[0])
        if self._measured is not None:
            sketched = [entry for pane in whole for entry in pane.buckets]
            unheld = sum(pane.unheld for pane in whole)
            return measured_window(
                window, self._measured, sums[1], sketched, unheld=unheld, most=self._most
            )
        last = [pane for pane in list(self._panes)[-1:] if pane is not None]
        values, held = self._ring.newest(rows)
        newest = self._show(meta, key_labels, last, rows[held > 0.0], values[held > 0.0])
        return replace(window, newest=newest)

    def _show(
        self,
        meta: WindowMeta,
        key_labels: tuple[str, ...],
        panes: Sequence["_RulePane"],
        rows: IntArray,
        values: FloatArray,
    ) -> RuleWindow:
        heard = [pane for pane in panes if pane.samples > 0.0]
        keys = tuple(self._ring.keys[row][1] for row in rows.tolist())
        sketch = _merged([pane.sketch for pane in panes if pane.sketch is not None])
        others, error_bound = 0.0, 0.0
        if sketch is not None:
            keys, values, listed = _with_sketch(keys, values, sketch)
            # What a purged sketch lost, and fractions that its whole numbers cannot hold, belong to
            # nobody.
            others = max(sum(pane.sketch_weight for pane in panes) - listed, 0.0)
            error_bound = float(sketch.get_upper_bound(NO_KEY))
        unique = len(keys)
        if unique > self._most and self._measured is None:
            largest = np.sort(np.argsort(-values, kind="stable")[: self._most])
            others += float(values.sum() - values[largest].sum())
            keys, values = tuple(keys[index] for index in largest.tolist()), values[largest]
        return RuleWindow(
            rule=self.rule,
            version=self.version,
            key_labels=key_labels,
            meta=meta,
            keys=keys,
            values=values,
            others=others,
            error_bound=error_bound,
            unique=unique,
            samples=sum(pane.samples for pane in panes),
            minimum=min((pane.minimum for pane in heard), default=0.0),
            maximum=max((pane.maximum for pane in heard), default=0.0),
        )


def shown_version(
    tables: Sequence[VersionTable], meta: WindowMeta
) -> tuple[VersionTable, WindowMeta]:
    """Choose the version of one rule that was heard last; partial if others are in the window."""
    chosen = max(tables, key=lambda table: (-table.silent_panes, table.version))
    mixed = sum(not table.is_empty for table in tables) > 1
    return chosen, replace(meta, partial=True) if mixed else meta


def _joined(panes: Sequence[RulePane]) -> _RulePane:
    heard = [pane for pane in panes if pane.samples > 0.0]
    return _RulePane(
        samples=sum(pane.samples for pane in heard),
        minimum=min((pane.minimum for pane in heard), default=0.0),
        maximum=max((pane.maximum for pane in heard), default=0.0),
        sketch=_merged(
            [frequent_strings_sketch.deserialize(pane.sketch) for pane in panes if pane.sketch]
        ),
        sketch_weight=sum(pane.sketch_weight for pane in panes),
        buckets=[sketched_rows(pane.keys, pane.measured) for pane in panes if pane.measured],
        unheld=sum(pane.measured.unheld for pane in panes if pane.measured),
    )


def _merged(sketches: Sequence[frequent_strings_sketch]) -> frequent_strings_sketch | None:
    if not sketches:
        return None
    whole = frequent_strings_sketch(MERGED_SKETCH_LG)
    for sketch in sketches:
        whole.merge(sketch)
    return whole


def _with_sketch(
    keys: tuple[tuple[str, ...], ...], values: FloatArray, sketch: frequent_strings_sketch
) -> tuple[tuple[tuple[str, ...], ...], FloatArray, float]:
    """Add lower bounds of the sketch's contributors, so that nobody is overstated."""
    totals = dict(zip(keys, values.tolist(), strict=True))
    listed = 0.0
    items = sketch.get_frequent_items(frequent_items_error_type.NO_FALSE_NEGATIVES)
    for text, _, lower, _ in items:
        key = _read_key(text)
        totals[key] = totals.get(key, 0.0) + lower
        listed += lower
    ordered = tuple(sorted(totals))
    return ordered, np.array([totals[key] for key in ordered], np.float64), listed
