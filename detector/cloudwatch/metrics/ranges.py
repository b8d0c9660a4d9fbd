"""Requests to the history of reports over a range of time, and their results.

Law: a range is a sequence of whole panes, and every pane counts once. Sums, observations, minimum
and maximum are exact. Contributors that the report of a pane did not list are not counted, so a
contributor is never overstated (while no single observation is negative) and is understated by at
most ``understated_by``; the number of contributors and the largest of them are lower bounds, exact
where a period is one pane or one aligned window.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.cloudwatch.metrics.series import RuleMetric, Series
from detector.core.errors import DetectorError

MAX_DATAPOINTS: Final = 150_000
"""Most contributor datapoints in one result: 100 contributors over 24 hours, one per minute."""


class RangeTooCostlyError(DetectorError):
    """A range that needs more time, memory or datapoints than one reader may use."""


class RankOrder(StrEnum):
    """How contributors are ranked over a range, in CloudWatch's words."""

    SUM = "Sum"
    MAXIMUM = "Maximum"


@dataclass(frozen=True, slots=True)
class RangeRequest:
    """A request for a report of ``subject`` over the panes that begin in ``[start_ms, end_ms)``.

    Datapoints belong to periods of ``period_ms`` (a multiple of a pane), which begin ``phase_ms``
    after multiples of ``period_ms`` since the epoch; a period that the range cuts counts only its
    part within the range. ``max_contributors`` is from 1 to 500.
    """

    subject: str
    start_ms: int
    end_ms: int
    period_ms: int
    max_contributors: int = 10
    order: RankOrder = RankOrder.SUM
    phase_ms: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class RankedContributor:
    """One contributor over a range; ``datapoints`` cover the periods in which it was listed.

    ``value`` is its total and ``largest`` its largest datapoint.
    """

    keys: tuple[str, ...]
    value: float
    largest: float
    datapoints: Series


@dataclass(frozen=True, slots=True, eq=False)
class RangePoints:
    """All metrics per period, oldest first; periods without observations are left out.

    ``times`` (int64, starts of periods in epoch milliseconds), ``complete`` (bool: nothing is known
    to be missing) and every array of ``metrics`` (float64) have the same length.
    """

    times: NDArray[np.int64]
    complete: NDArray[np.bool_]
    metrics: Mapping[RuleMetric, NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class RangeReport:
    """The report of a subject over a range.

    ``value`` is the sum over all contributors and ``unique`` a lower bound of their number.
    ``understated_by``: the most by which a contributor is understated; ``None`` when unknown.
    ``incomplete_panes`` of the ``panes`` with a report lack part of their events.
    """

    key_labels: tuple[str, ...]
    value: float
    unique: int
    contributors: tuple[RankedContributor, ...]
    points: RangePoints
    understated_by: float | None
    panes: int
    incomplete_panes: int
