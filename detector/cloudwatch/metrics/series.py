"""A series of datapoints, and the names of metrics.

Law: an absent datapoint is missing, never zero; the expression or the alarm that reads the series
decides how missing datapoints count.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class RuleMetric(StrEnum):
    """The seven metrics of a contributor rule, under CloudWatch's names."""

    UNIQUE_CONTRIBUTORS = "UniqueContributors"
    MAX_CONTRIBUTOR_VALUE = "MaxContributorValue"
    SAMPLE_COUNT = "SampleCount"
    SUM = "Sum"
    MINIMUM = "Minimum"
    MAXIMUM = "Maximum"
    AVERAGE = "Average"


@dataclass(frozen=True, slots=True)
class InsightRuleMetric:
    """``INSIGHT_RULE_METRIC(rule, metric)``: one number per period of a contributor rule."""

    rule: str
    metric: RuleMetric


@dataclass(frozen=True, slots=True)
class FleetMetric:
    """One column of the fleet tables: ``dimensions`` are pairs of name and value, sorted by name.

    ``namespace`` is ``Detector/Fleet``; ``statistic`` in CloudWatch's words (``Sum``, ``Average``).
    """

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str


Metric = InsightRuleMetric | FleetMetric


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Datapoints of one metric, oldest first; periods without a datapoint are left out.

    ``times`` (int64) are the starts of periods in epoch milliseconds; ``values`` (float64) has the
    same length.
    """

    times: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def empty(cls) -> "Series":
        """Return a series without datapoints."""
        return cls(times=np.empty(0, np.int64), values=np.empty(0, np.float64))
