"""Columns of rules with a measure: ratios and percentiles per contributor, packed and read back.

Law: packing is a function of the rows alone; rows are sorted by key.

Only contributors at or above the rule's minimum, which is positive, have a value; the others are
counted. So nothing is divided by zero and no contributor is ranked by a handful of events.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.rules.rules import Percentiles, Ratio
from detector.tables.contributor_table import ContributorTable, Key
from detector.tables.ddsketch import LAST_BUCKET, RELATIVE_ERROR, ZERO_BUCKET, quantiles
from detector.tables.pane_records import MeasuredPane, MeasureKind, RulePane
from detector.tables.reports import RuleWindow, WindowMeasure


class SketchedRows(NamedTuple):
    """Buckets of contributors: ``counts`` says how many entries belong to each, in order."""

    keys: Sequence[tuple[str, ...]]
    counts: NDArray[np.uint32]
    buckets: NDArray[np.int16]
    weights: NDArray[np.float64]


def measured_pane(measure: Ratio | Percentiles, table: ContributorTable) -> MeasuredPane:
    """Pack what a table holds beside its values, sorted by key."""
    keys: list[Key] = sorted(table.values, key=lambda key: (key,) if isinstance(key, str) else key)
    if isinstance(measure, Ratio):
        over = table.numerators
        numerators = np.fromiter((over.get(key, 0.0) for key in keys), "<f8", len(keys)).tobytes()
        return MeasuredPane(
            MeasureKind.RATIO, measure.minimum, [], numerators, b"", b"", b"", float(table.unheld)
        )
    rows = [sorted(table.buckets[key].items()) for key in keys]
    entries = [entry for row in rows for entry in row]
    return MeasuredPane(
        MeasureKind.PERCENTILES,
        measure.minimum,
        list(measure.at),
        b"",
        np.array([len(row) for row in rows], "<u4").tobytes(),
        np.array([bucket for bucket, _ in entries], "<i2").tobytes(),
        np.array([weight for _, weight in entries], "<f8").tobytes(),
        float(table.unheld),
    )


def sketched_rows(keys: Sequence[tuple[str, ...]], pane: MeasuredPane) -> SketchedRows:
    """Read the buckets of a pane; a ratio has none."""
    return SketchedRows(
        keys if pane.kind is MeasureKind.PERCENTILES else (),
        np.frombuffer(pane.bucket_counts, "<u4"),
        np.frombuffer(pane.buckets, "<i2"),
        np.frombuffer(pane.weights, "<f8"),
    )


def numerators_of(pane: RulePane) -> NDArray[np.float64]:
    """Read the numerators of a pane; zeros where it has none."""
    if pane.measured is None or pane.measured.kind is not MeasureKind.RATIO:
        return np.zeros(len(pane.keys))
    return np.frombuffer(pane.measured.numerators, "<f8")


def measured_rows(pane: MeasuredPane, start: int, stop: int) -> MeasuredPane:
    """Return rows ``start`` to ``stop``; the first slice also keeps ``unheld``."""
    counts = np.frombuffer(pane.bucket_counts, "<u4")
    begin, end = int(counts[:start].sum()), int(counts[:stop].sum())
    return MeasuredPane(
        pane.kind,
        pane.minimum,
        pane.at,
        pane.numerators[8 * start : 8 * stop],
        pane.bucket_counts[4 * start : 4 * stop],
        pane.buckets[2 * begin : 2 * end],
        pane.weights[8 * begin : 8 * end],
        pane.unheld if start == 0 else 0.0,
    )


def check_measured(rule: str, pane: MeasuredPane, rows: int) -> None:
    """Raise ``ValueError`` when the columns do not fit ``rows`` rows, or each other."""
    if pane.kind is MeasureKind.RATIO:
        if len(pane.numerators) != 8 * rows:
            raise ValueError(f"numerators of rule {rule!r} differ in length, expected {rows} rows")
        return
    counts = np.frombuffer(pane.bucket_counts, "<u4") if len(pane.bucket_counts) % 4 == 0 else ()
    entries = int(np.sum(counts))
    if (
        len(counts) != rows
        or len(pane.buckets) != 2 * entries
        or len(pane.weights) != 8 * entries
        or not pane.at
    ):
        raise ValueError(f"buckets of rule {rule!r} differ in length, expected {rows} rows")
    buckets = np.frombuffer(pane.buckets, "<i2")
    if entries and not (buckets.min() >= ZERO_BUCKET and buckets.max() <= LAST_BUCKET):
        raise ValueError(f"buckets of rule {rule!r} lie outside {ZERO_BUCKET} to {LAST_BUCKET}")


Floats = NDArray[np.float64]
_SMALLEST = float(np.finfo(np.float64).tiny)


def measured_window(
    window: RuleWindow,
    measured: MeasuredPane,
    numerators: Floats,
    sketched: Sequence[SketchedRows],
    *,
    unheld: float,
    max_listed: int,
) -> RuleWindow:
    """Return ``window``, whose values are denominators, with the values of its measure.

    The largest ``max_listed`` keys are listed; the values of the rest are in ``others``.
    """
    is_ratio = measured.kind is MeasureKind.RATIO
    at = tuple(measured.at)
    percentiles = None if is_ratio else _percentiles(window.keys, sketched, at)
    denominators = window.values
    enough = np.flatnonzero(denominators >= max(measured.minimum, _SMALLEST))
    if percentiles is None:
        values, error = numerators[enough] / denominators[enough], 0.0
    else:
        values, error = percentiles[enough, 0], RELATIVE_ERROR
    others = 0.0
    ranked = enough.size
    if ranked > max_listed:
        largest = np.sort(np.argsort(-values, kind="stable")[:max_listed])
        others = float(values.sum() - values[largest].sum())
        enough, values = enough[largest], values[largest]
    bounds = (values.min(), values.max()) if is_ratio and values.size else None
    return replace(
        window,
        keys=tuple(window.keys[row] for row in enough.tolist()),
        values=values,
        others=others,
        error_bound=error * float(values.max(initial=0.0)),
        unique=ranked,
        minimum=float(bounds[0]) if bounds else window.minimum,
        maximum=float(bounds[1]) if bounds else window.maximum,
        measure=WindowMeasure(
            kind=measured.kind,
            minimum=measured.minimum,
            at=at,
            denominators=denominators[enough],
            numerators=numerators[enough] if is_ratio else None,
            percentiles=None if percentiles is None else percentiles[enough],
            below_minimum=len(window.keys) - ranked,
            unheld=unheld,
            numerator=float(numerators.sum()),
            denominator=float(denominators.sum()),
            relative_error=error,
        ),
    )


def _percentiles(
    keys: Sequence[tuple[str, ...]], sketched: Sequence[SketchedRows], at: tuple[float, ...]
) -> Floats:
    """Return a row of percentiles for each key."""
    row_by_key = {key: row for row, key in enumerate(keys)}
    owners = [
        np.repeat(np.array([row_by_key[key] for key in part.keys], np.int64), part.counts)
        for part in sketched
        if part.keys
    ]
    if not owners:
        return np.zeros((len(keys), len(at)))
    buckets = np.concatenate([part.buckets for part in sketched if part.keys]).astype(np.int64)
    weights = np.concatenate([part.weights for part in sketched if part.keys])
    return quantiles(np.concatenate(owners), buckets, weights, at, len(keys))[1]
