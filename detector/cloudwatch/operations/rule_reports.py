"""GetInsightRuleReport: contributors and metrics of one rule over a time range.

CloudWatch leaves these points open: the range covers the panes that begin in it, with its start
rounded down to a pane. Datapoints carry the start of their period, and periods are aligned to the
epoch. A period that the range cuts holds only the part within, so datapoints always add up to the
aggregate value. ``OrderBy`` ``Maximum`` ranks by the largest datapoint of a contributor.

Beyond CloudWatch: up to 500 contributors, and any period that is a multiple of a pane.

Known limits: the response has no member to mark an incomplete period; the period holds what was
counted, and is left out where nothing was. Contributors are at most as exact as the reports that
list them (``alarms.top_n`` per pane): ``detector report`` shows by how much they may be
understated.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from detector.cloudwatch.metrics.ranges import (
    RangeReport,
    RangeRequest,
    RangeTooCostlyError,
    RankedContributor,
    RankOrder,
)
from detector.cloudwatch.metrics.series import RuleMetric
from detector.cloudwatch.operations.contract import ApiError, Members
from detector.rules.rules import Aggregate
from detector.tables.ranking import MAX_LISTED

INVALID: Final = "InvalidParameterValue"
MISSING: Final = "MissingParameter"
UNKNOWN: Final = "ResourceNotFoundException"
"""The codes of the model's InvalidParameterValueException, MissingRequiredParameterException and
ResourceNotFoundException."""

MAX_SECONDS: Final = 24 * 3600
DEFAULT_CONTRIBUTORS: Final = 10


@dataclass(frozen=True, slots=True)
class KnownRule:
    """The parts of a rule's definition that its report repeats."""

    key_labels: tuple[str, ...]
    aggregate_on: Aggregate


class ReportHistory(Protocol):
    """The history of reports."""

    async def report(self, request: RangeRequest) -> RangeReport | None:
        """Return the report for ``request``; ``None`` for an unknown subject.

        Raises ``RangeTooCostlyError`` when it exceeds the limits of a query.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLimits:
    """Limits of ranges: length of a pane in milliseconds, retention of reports in days."""

    pane_ms: int
    retention_days: int


class RuleReports:
    """The operation ``GetInsightRuleReport``.

    ``rule_named`` returns a current rule by name, ``now`` epoch seconds.
    """

    def __init__(
        self,
        history: ReportHistory,
        rule_named: Callable[[str], KnownRule | None],
        limits: ReportLimits,
        now: Callable[[], float],
    ) -> None:
        self._history = history
        self._rule_named = rule_named
        self._limits = limits
        self._now = now

    async def __call__(self, members: Members) -> Members:
        """Answer one request; raises ``ApiError`` with a code of the model."""
        for name in ("RuleName", "StartTime", "EndTime", "Period"):
            if members.get(name) in (None, ""):
                raise ApiError(MISSING, f"The parameter {name} is required.")
        metrics = _metrics(members.get("Metrics") or ())
        request = self._request(members)
        name = str(members["RuleName"])
        rule = self._rule_named(name)
        if rule is None:
            raise ApiError(UNKNOWN, f"The rule {name!r} does not exist.")
        try:
            found = await self._history.report(request)
        except RangeTooCostlyError as error:
            raise ApiError(INVALID, f"The report cannot be made: {error}.") from error
        return _response(rule, found, metrics)

    def _request(self, members: Members) -> RangeRequest:
        start, end = (_milliseconds(members, name) for name in ("StartTime", "EndTime"))
        self._check_range(start, end)
        period_ms = int(members["Period"]) * 1000
        pane_ms = self._limits.pane_ms
        if not 0 < period_ms <= MAX_SECONDS * 1000 or period_ms % pane_ms:
            raise ApiError(
                INVALID,
                f"The parameter Period is {members['Period']!r}, expected a multiple of "
                f"{pane_ms / 1000:g} seconds, at most {MAX_SECONDS}.",
            )
        count = members.get("MaxContributorCount")
        count = DEFAULT_CONTRIBUTORS if count is None else int(count)
        if not 1 <= count <= MAX_LISTED:
            raise ApiError(
                INVALID,
                f"The parameter MaxContributorCount is {count!r}, expected 1 to {MAX_LISTED}.",
            )
        return RangeRequest(
            f"rule:{members['RuleName']}", start, end, period_ms, count, _order(members)
        )

    def _check_range(self, start: int, end: int) -> None:
        if start >= end:
            raise ApiError(INVALID, "The parameter StartTime must be less than EndTime.")
        if end - start > MAX_SECONDS * 1000:
            raise ApiError(
                INVALID,
                f"The time from StartTime to EndTime is {(end - start) / 1000:g} seconds, "
                f"expected at most {MAX_SECONDS}.",
            )
        days = self._limits.retention_days
        if start < self._now() * 1000 - days * MAX_SECONDS * 1000:
            raise ApiError(INVALID, f"The parameter StartTime is more than {days} days before now.")


def _milliseconds(members: Members, name: str) -> int:
    value = members[name]
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ApiError(INVALID, f"The parameter {name} is {value!r}, expected a timestamp.")
    return int(value.timestamp() * 1000)


def _metrics(names: Any) -> tuple[RuleMetric, ...]:
    known = {each.value for each in RuleMetric}
    for name in names:
        if name not in known:
            raise ApiError(
                INVALID,
                f"The parameter Metrics holds {name!r}, expected some of {', '.join(RuleMetric)}.",
            )
    return tuple(RuleMetric(name) for name in dict.fromkeys(names))


def _order(members: Members) -> RankOrder:
    order = members.get("OrderBy") or RankOrder.SUM
    if order not in {each.value for each in RankOrder}:
        raise ApiError(
            INVALID, f"The parameter OrderBy is {order!r}, expected {' or '.join(RankOrder)}."
        )
    return RankOrder(order)


def _response(
    rule: KnownRule, found: RangeReport | None, metrics: tuple[RuleMetric, ...]
) -> Members:
    response: dict[str, Any] = {
        "KeyLabels": list(rule.key_labels),
        "AggregationStatistic": rule.aggregate_on.value.upper(),
        "AggregateValue": found.value if found else 0.0,
        "ApproximateUniqueCount": found.unique if found else 0,
        "Contributors": [_contributor(each) for each in found.contributors] if found else [],
    }
    if metrics:
        response["MetricDatapoints"] = _metric_datapoints(found, metrics) if found else []
    return response


def _contributor(contributor: RankedContributor) -> dict[str, Any]:
    points = contributor.datapoints
    return {
        "Keys": list(contributor.keys),
        "ApproximateAggregateValue": contributor.value,
        "Datapoints": [
            {"Timestamp": _timestamp(time), "ApproximateValue": value}
            for time, value in zip(points.times.tolist(), points.values.tolist(), strict=True)
        ],
    }


def _metric_datapoints(found: RangeReport, metrics: tuple[RuleMetric, ...]) -> list[dict[str, Any]]:
    columns = {metric: found.points.metrics[metric].tolist() for metric in metrics}
    return [
        {"Timestamp": _timestamp(time)}
        | {
            metric.value: column[row]
            for metric, column in columns.items()
            # NaN: without contributors there is no average.
            if column[row] == column[row]
        }
        for row, time in enumerate(found.points.times.tolist())
    ]


def _timestamp(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
