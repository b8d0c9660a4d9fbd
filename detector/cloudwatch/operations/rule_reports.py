"""GetInsightRuleReport: contributors and metrics of one rule over a range of time.

What CloudWatch leaves open is decided so: the range covers the panes that begin in it, its start
rounded down to a pane; datapoints stand at the start of their period, periods are aligned to the
epoch, and one that the range cuts holds the part within, so that datapoints always add up to the
aggregate value. ``OrderBy`` ``Maximum`` ranks by the largest datapoint of a contributor.

Beyond CloudWatch: up to 500 contributors, and any period that is a multiple of a pane.

Known limits: the response has no member that could mark a period that is known to lack something;
it holds what was counted, and is left out where nothing was. Contributors are at most as exact as
the reports that list them (``alarms.top_n`` per pane): ``detector report`` shows by how much they
may be understated.
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

MOST_SECONDS: Final = 24 * 3600
DEFAULT_CONTRIBUTORS: Final = 10


@dataclass(frozen=True, slots=True)
class KnownRule:
    """What of a rule's definition its report repeats."""

    key_labels: tuple[str, ...]
    aggregate_on: Aggregate


class ReportHistory(Protocol):
    """The reports of the past."""

    async def report(self, request: RangeRequest) -> RangeReport | None:
        """Answer ``request``; ``None`` when nothing was ever heard of the subject.

        ``RangeTooCostlyError`` when that would take more than one reader may.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLimits:
    """Which ranges can be asked for: milliseconds of a pane, days that reports are kept."""

    pane_ms: int
    retention_days: int


class RuleReports:
    """The operation ``GetInsightRuleReport``.

    ``rule_named`` looks a rule up that exists now, ``now`` gives epoch seconds.
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
        """Answer one request; ``ApiError`` with a code of the model when it cannot be."""
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
        if not 0 < period_ms <= MOST_SECONDS * 1000 or period_ms % pane_ms:
            raise ApiError(
                INVALID,
                f"The parameter Period is {members['Period']!r}, expected a multiple of "
                f"{pane_ms / 1000:g} seconds, at most {MOST_SECONDS}.",
            )
        most = members.get("MaxContributorCount")
        most = DEFAULT_CONTRIBUTORS if most is None else int(most)
        if not 1 <= most <= MAX_LISTED:
            raise ApiError(
                INVALID,
                f"The parameter MaxContributorCount is {most!r}, expected 1 to {MAX_LISTED}.",
            )
        return RangeRequest(
            f"rule:{members['RuleName']}", start, end, period_ms, most, _order(members)
        )

    def _check_range(self, start: int, end: int) -> None:
        if start >= end:
            raise ApiError(INVALID, "The parameter StartTime must be less than EndTime.")
        if end - start > MOST_SECONDS * 1000:
            raise ApiError(
                INVALID,
                f"The time from StartTime to EndTime is {(end - start) / 1000:g} seconds, "
                f"expected at most {MOST_SECONDS}.",
            )
        days = self._limits.retention_days
        if start < self._now() * 1000 - days * MOST_SECONDS * 1000:
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
            # No average is known where no contributor is.
            if column[row] == column[row]
        }
        for row, time in enumerate(found.points.times.tolist())
    ]


def _timestamp(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
