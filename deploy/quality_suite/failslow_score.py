"""Precision, recall and time to detect of one cluster, per entity and per incident."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deploy.quality_suite.failslow_data import Cluster

NEVER = -1


@dataclass(frozen=True, slots=True)
class Score:
    """Every device is an entity, its first alarm its incident.

    ``precision`` is strict; ``precision_tolerant`` leaves out siblings: devices without a label on
    nodes with labelled ones. Minutes are recorded minutes from a device's first sample to the end
    of the one that alarmed; a device that is missed takes for ever, ``None`` where that is the
    figure.
    """

    precision: float
    precision_tolerant: float
    recall: float
    ttd_median_minutes: float | None
    ttd_p90_minutes: float | None
    true_positives: int
    false_positives: int
    false_negatives: int
    false_positives_tolerant: int

    def figures(self) -> dict[str, float | int | None]:
        """Return all of it by name."""
        return {name: getattr(self, name) for name in self.__slots__}


def score(cluster: Cluster, first: NDArray[np.int64]) -> Score:
    """Judge the first alarms of all devices, as places among the recorded minutes."""
    alarmed = first != NEVER
    sick = int(cluster.slow.sum())
    found = int(np.count_nonzero(alarmed & cluster.slow))
    wrong = int(np.count_nonzero(alarmed & ~cluster.slow))
    wrong_tolerant = int(np.count_nonzero(alarmed & ~cluster.slow & ~cluster.siblings))
    minutes = np.where(alarmed, first - cluster.first_minute + 1.0, np.inf)[cluster.slow]
    return Score(
        precision=_part(found, found + wrong),
        precision_tolerant=_part(found, found + wrong_tolerant),
        recall=_part(found, sick),
        ttd_median_minutes=_quantile(minutes, 0.5),
        ttd_p90_minutes=_quantile(minutes, 0.9),
        true_positives=found,
        false_positives=wrong,
        false_negatives=sick - found,
        false_positives_tolerant=wrong_tolerant,
    )


def incident_precision(cluster: Cluster, incidents: Sequence[Sequence[int]]) -> tuple[int, int]:
    """Return how many incidents there were on labelled devices, and on others."""
    right = sum(len(each) for each, slow in zip(incidents, cluster.slow, strict=True) if slow)
    return right, sum(map(len, incidents)) - right


def _part(of: int, whole: int) -> float:
    """Nothing out of nothing is all of it: without alarms none is false."""
    return of / whole if whole else 1.0


def _quantile(values: NDArray[np.float64], part: float) -> float | None:
    if not values.size:
        return None
    # Between a number and for ever lies for ever.
    low, high = (float(np.quantile(values, part, method=method)) for method in ("lower", "higher"))
    if not np.isfinite(high):
        return None
    return low if low == high else float(np.quantile(values, part))
