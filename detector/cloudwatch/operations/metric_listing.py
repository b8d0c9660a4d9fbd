"""ListMetrics and GetMetricStatistics, for clients that do not use GetMetricData.

Source: the model of CloudWatch's API.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from detector.cloudwatch.operations.contract import ApiError, Members, MetricSource
from detector.cloudwatch.operations.metric_requests import (
    INVALID,
    at,
    check_period,
    check_range,
    check_statistic,
    first_period,
    fleet_metric,
    read_series,
)

MAX_LISTED = 500
"""CloudWatch's limit of metrics in one answer."""

MAX_DATAPOINTS = 1_440
"""CloudWatch's limit of datapoints in one answer of GetMetricStatistics."""

_STATISTICS = frozenset({"SampleCount", "Average", "Sum", "Minimum", "Maximum"})


class ListedMetric(NamedTuple):
    """A metric that has datapoints: ``dimensions`` are pairs of name and value, sorted by name."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]


class MetricCatalogue(Protocol):
    """The metrics that exist."""

    def listed(self) -> Iterable[ListedMetric]:
        """Return the metrics that had a datapoint in the last two weeks, in any order."""
        ...


class MetricListing:
    """Answers ListMetrics."""

    def __init__(self, catalogue: MetricCatalogue) -> None:
        self._catalogue = catalogue

    async def list_metrics(self, members: Members) -> Members:
        """Return metrics, sorted, at most 500 per page; raises ``ApiError``."""
        recently = members.get("RecentlyActive", "PT3H")
        if recently != "PT3H":
            message = f"The parameter RecentlyActive is {recently}, expected PT3H."
            raise ApiError(INVALID, message)
        token = members.get("NextToken")
        after = _after(token) if token else None
        found = sorted(
            metric
            for metric in set(self._catalogue.listed())
            if _matches(metric, members) and (after is None or metric > after)
        )
        answer: dict[str, Any] = {"Metrics": [_listed(metric) for metric in found[:MAX_LISTED]]}
        if len(found) > MAX_LISTED:
            last = msgspec.json.encode(found[MAX_LISTED - 1])
            answer["NextToken"] = base64.urlsafe_b64encode(last).decode()
        return answer


class MetricStatistics:
    """Answers GetMetricStatistics; ``now`` returns epoch seconds."""

    def __init__(
        self, source: MetricSource, *, now: Callable[[], float], pane_seconds: int
    ) -> None:
        self._source = source
        self._now = now
        self._pane_seconds = pane_seconds

    async def get_metric_statistics(self, members: Members) -> Members:
        """Return one datapoint per period, oldest first; raises ``ApiError``."""
        start, end = check_range(members)
        period = check_period(members["Period"], self._pane_seconds, "Period")
        period_ms = period * 1000
        first = first_period(start, period_ms, int(self._now() * 1000))
        count = max(0, -(-(end - first) // period_ms))
        if count > MAX_DATAPOINTS:
            message = (
                f"You have requested up to {count:,} datapoints, which exceeds the limit of "
                f"{MAX_DATAPOINTS:,}: increase Period, or shorten the time range."
            )
            raise ApiError("InvalidParameterCombination", message)
        datapoint_by_time: dict[int, dict[str, Any]] = {}
        for statistic in _statistics(members):
            metric = fleet_metric(members, statistic, "")
            series = read_series(self._source, metric, (first, end, period_ms))
            for time, value in zip(series.times.tolist(), series.values.tolist(), strict=True):
                datapoint = datapoint_by_time.setdefault(
                    time, {"Timestamp": at(time), "Unit": "None"}
                )
                if statistic in _STATISTICS:
                    datapoint[statistic] = value
                else:
                    datapoint.setdefault("ExtendedStatistics", {})[statistic] = value
        return {
            "Label": members["MetricName"],
            "Datapoints": [datapoint_by_time[time] for time in sorted(datapoint_by_time)],
        }


def _statistics(members: Members) -> list[str]:
    plain, extended = members.get("Statistics", ()), members.get("ExtendedStatistics", ())
    if plain and extended:
        message = "Either Statistics or ExtendedStatistics is expected, found both."
        raise ApiError("InvalidParameterCombination", message)
    if not plain and not extended:
        message = "The parameter Statistics or ExtendedStatistics is required."
        raise ApiError("MissingParameter", message)
    name = "Statistics" if plain else "ExtendedStatistics"
    return [check_statistic(each, name) for each in plain or extended]


def _matches(metric: ListedMetric, members: Members) -> bool:
    if members.get("Namespace", metric.namespace) != metric.namespace:
        return False
    if members.get("MetricName", metric.name) != metric.name:
        return False
    values = dict(metric.dimensions)
    return all(
        wanted["Name"] in values
        and wanted.get("Value", values[wanted["Name"]]) == values[wanted["Name"]]
        for wanted in members.get("Dimensions", ())
    )


def _listed(metric: ListedMetric) -> Mapping[str, Any]:
    return {
        "Namespace": metric.namespace,
        "MetricName": metric.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
    }


def _after(token: str) -> ListedMetric:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(token.encode()), type=ListedMetric)
    except (binascii.Error, msgspec.DecodeError, UnicodeError, ValueError):
        raise ApiError(INVALID, "The parameter NextToken is not one that this API gave.") from None
