"""The columns of the fleet tables as metrics: ``Detector/Fleet``, one dimension ``Service``.

Law: only counted values are available. One request is one observation, so ``SampleCount`` of faults
is the number of requests and ``Average`` is the share of requests that were faults; values of
single requests are not kept, so the four counts have no minimum and no maximum. ``Hosts`` is a
level, not a count: its observations are windows, and it has no sum.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from detector.cloudwatch.metrics.series import FleetMetric

FLEET_NAMESPACE: Final = "Detector/Fleet"
SERVICE_DIMENSION: Final = "Service"


class FleetColumn(StrEnum):
    """The metrics of a fleet, under the names that clients use."""

    REQUESTS = "Requests"
    FAULTS = "Faults"
    SLOW = "Slow"
    CONNECTION_FAILURES = "ConnectionFailures"
    HOSTS = "Hosts"


class Statistic(StrEnum):
    """How the observations of a period are aggregated, in CloudWatch's words."""

    SUM = "Sum"
    AVERAGE = "Average"
    MAXIMUM = "Maximum"
    MINIMUM = "Minimum"
    SAMPLE_COUNT = "SampleCount"


_OF_COUNTS: Final = frozenset({Statistic.SUM, Statistic.AVERAGE, Statistic.SAMPLE_COUNT})
_OF_LEVELS: Final = frozenset(
    {Statistic.AVERAGE, Statistic.MAXIMUM, Statistic.MINIMUM, Statistic.SAMPLE_COUNT}
)
FLEET_STATISTICS: Final[Mapping[FleetColumn, frozenset[Statistic]]] = {
    column: _OF_LEVELS if column is FleetColumn.HOSTS else _OF_COUNTS for column in FleetColumn
}
"""Which statistics each column has."""


def fleet_metric(service: str, column: FleetColumn, statistic: Statistic) -> FleetMetric:
    """Return the metric of one column of one service."""
    return FleetMetric(FLEET_NAMESPACE, column.value, ((SERVICE_DIMENSION, service),), statistic)


def fleet_parts(metric: FleetMetric) -> tuple[str, FleetColumn, Statistic] | None:
    """Return service, column and statistic; ``None`` when there is no such metric."""
    if metric.namespace != FLEET_NAMESPACE or len(metric.dimensions) != 1:
        return None
    [(dimension, service)] = metric.dimensions
    if dimension != SERVICE_DIMENSION or metric.name not in {each.value for each in FleetColumn}:
        return None
    column = FleetColumn(metric.name)
    if metric.statistic not in {each.value for each in FLEET_STATISTICS[column]}:
        return None
    return service, column, Statistic(metric.statistic)
