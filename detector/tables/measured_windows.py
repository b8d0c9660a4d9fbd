"""The window of a rule with a measure: what it counted becomes ratios or percentiles.

Law: a value is given only to contributors with at least the rule's minimum, which is above 0; the
others are counted, so nothing is divided by zero and nobody is ranked by a handful of events.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detector.tables.ddsketch import RELATIVE_ERROR, quantiles
from detector.tables.measured_columns import SketchedRows
from detector.tables.pane_records import MeasuredPane, MeasureKind
from detector.tables.reports import RuleWindow, WindowMeasure

Floats = NDArray[np.float64]
_SMALLEST = float(np.finfo(np.float64).tiny)


def measured_window(
    window: RuleWindow,
    measured: MeasuredPane,
    numerators: Floats,
    sketched: Sequence[SketchedRows],
    *,
    unheld: float,
    most: int,
) -> RuleWindow:
    """Return ``window``, whose values are denominators, under its measure.

    At most ``most`` keys are listed, the largest; the values of the others are in ``others``.
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
    if ranked > most:
        largest = np.sort(np.argsort(-values, kind="stable")[:most])
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
    """Return one row of percentiles for each key."""
    place = {key: row for row, key in enumerate(keys)}
    owners = [
        np.repeat(np.array([place[key] for key in part.keys], np.int64), part.counts)
        for part in sketched
        if part.keys
    ]
    if not owners:
        return np.zeros((len(keys), len(at)))
    buckets = np.concatenate([part.buckets for part in sketched if part.keys]).astype(np.int64)
    weights = np.concatenate([part.weights for part in sketched if part.keys])
    return quantiles(np.concatenate(owners), buckets, weights, at, len(keys))[1]
