"""Contributors of one rule in a window: the sum of its panes and their sketches.

Law: the window is a function of its panes alone; rows are sorted by key.

Known limits: a rule window lists the largest ``exact_contributors`` keys at most; the weight of the
rest is in ``others``. While two versions of a rule have panes in the window, only the newer one is
shown, marked partial. Memory: at most ``exact_contributors`` rows per source partition and
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

# Base 2 logarithm of the size of the merged sketch: large enough that merging adds no error.
MERGED_SKETCH_LG = 13

# Never a key: keys in sketches are JSON arrays.
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
        self._max_listed = exact_contributors
        self._ring: PaneRing[tuple[str, ...]] = PaneRing(window_panes, 1)
        self._staged: dict[int, list[tuple[PartOrder, RulePane]]] = {}
        self._panes: deque[_RulePane | None] = deque(maxlen=window_panes)
        self._measured: MeasuredPane | None = None
        self._window_panes = window_panes

    @property
    def is_empty(self) -> bool:
        """Whether the window holds nothing."""
        return not any(self._panes)

    @property
    def is_idle(self) -> bool:
        """Whether neither the window nor an open pane holds anything."""
        return self.is_empty and not self._staged

    @property
    def silent_panes(self) -> int:
        """Number of panes closed since the last one with contributors."""
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
        """Return the window, sorted by key.

        A rule with a measure has no newest pane of its own: neither ratios nor percentiles of panes
        add up to those of a longer time.
        """
        rows = self._ring.present()
        sums = self._ring.sums(rows)
        whole = [pane for pane in self._panes if pane is not None]
        window = self._show(meta, key_labels, whole, rows, sums[0])
        if self._measured is not None:
            sketched = [entry for pane in whole for entry in pane.buckets]
            unheld = sum(pane.unheld for pane in whole)
            return measured_window(
                window,
                self._measured,
                sums[1],
                sketched,
                unheld=unheld,
                max_listed=self._max_listed,
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
        sampled = [pane for pane in panes if pane.samples > 0.0]
        keys = tuple(self._ring.keys[row][1] for row in rows.tolist())
        sketch = _merged([pane.sketch for pane in panes if pane.sketch is not None])
        others, error_bound = 0.0, 0.0
        if sketch is not None:
            keys, values, listed = _with_sketch(keys, values, sketch)
            # What a purged sketch lost, and fractions that its whole numbers cannot hold, belong to
            # no contributor.
            others = max(sum(pane.sketch_weight for pane in panes) - listed, 0.0)
            error_bound = float(sketch.get_upper_bound(NO_KEY))
        unique = len(keys)
        if unique > self._max_listed and self._measured is None:
            largest = np.sort(np.argsort(-values, kind="stable")[: self._max_listed])
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
            minimum=min((pane.minimum for pane in sampled), default=0.0),
            maximum=max((pane.maximum for pane in sampled), default=0.0),
        )


def shown_version(
    tables: Sequence[VersionTable], meta: WindowMeta
) -> tuple[VersionTable, WindowMeta]:
    """Choose the version with the newest pane; partial if the window holds another version."""
    chosen = max(tables, key=lambda table: (-table.silent_panes, table.version))
    mixed = sum(not table.is_empty for table in tables) > 1
    return chosen, replace(meta, partial=True) if mixed else meta


def _joined(panes: Sequence[RulePane]) -> _RulePane:
    sampled = [pane for pane in panes if pane.samples > 0.0]
    return _RulePane(
        samples=sum(pane.samples for pane in sampled),
        minimum=min((pane.minimum for pane in sampled), default=0.0),
        maximum=max((pane.maximum for pane in sampled), default=0.0),
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
    """Add the lower bounds of the sketch's contributors, so that no value is overstated."""
    totals = dict(zip(keys, values.tolist(), strict=True))
    listed = 0.0
    items = sketch.get_frequent_items(frequent_items_error_type.NO_FALSE_NEGATIVES)
    for text, _, lower, _ in items:
        key = _read_key(text)
        totals[key] = totals.get(key, 0.0) + lower
        listed += lower
    ordered = tuple(sorted(totals))
    return ordered, np.array([totals[key] for key in ordered], np.float64), listed
