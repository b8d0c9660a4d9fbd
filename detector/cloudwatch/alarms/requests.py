"""PutMetricAlarm's members become an alarm, or everything that is wrong with them.

Facts: CloudWatch API reference, PutMetricAlarm; limits of reference pages of 2026.
"""

from collections.abc import Mapping
from datetime import tzinfo
from math import isfinite
from typing import Any, Final

from detector.cloudwatch.alarms.alarm_model import (
    ContributorAlarm,
    ExpressionWatch,
    MetricAlarm,
    MetricWatch,
    WarmUp,
)
from detector.cloudwatch.alarms.common_members import read_actions, read_name
from detector.cloudwatch.alarms.contributor_criteria import read_criteria
from detector.cloudwatch.alarms.evaluation_times import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    SHORT_PERIODS,
    WALL_CLOCK_PERIODS,
    WEEK_MS,
    EvaluationTimes,
    step_of,
    zone_of,
)
from detector.cloudwatch.alarms.metric_members import read_entries, read_metric
from detector.cloudwatch.alarms.validation import Complaints, shown
from detector.cloudwatch.alarms.verdicts import EXTRA_PERIODS, Comparison, MissingData
from detector.detection.state_machine import Persistence

MOST_PERIODS: Final = WEEK_MS // 10_000
SINGLE_MEMBERS: Final = (
    *("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit"),
)
STATIC_MEMBERS: Final = (
    *("Metrics", "Threshold", "ComparisonOperator", "ThresholdMetricId", "EvaluationPeriods"),
    *("DatapointsToAlarm", "TreatMissingData", "EvaluateLowSampleCountPercentile"),
    "EvaluationWindow",
)
_WARM_UP_MINUTES: Final = 2_880


def read_metric_alarm(members: Mapping[str, Any]) -> MetricAlarm | ContributorAlarm:
    """Return the alarm; ``AlarmRefusedError`` with every fault in one message."""
    complaints = Complaints(members)
    given = [name for name in ("MetricName", "Metrics", "EvaluationCriteria") if members.get(name)]
    if len(given) != 1:
        found = ", ".join(given) or "none of them"
        complaints.say(
            f"found {found}, expected exactly one of MetricName, Metrics and EvaluationCriteria"
        )
        complaints.settle()
    alarm: MetricAlarm | ContributorAlarm
    if given == ["EvaluationCriteria"]:
        alarm = _contributor_alarm(complaints)
    else:
        alarm = _static_alarm(complaints, members, single=given == ["MetricName"])
    complaints.settle()
    return alarm


def _contributor_alarm(complaints: Complaints) -> ContributorAlarm:
    complaints.refuse_members((*SINGLE_MEMBERS, *STATIC_MEMBERS), "beside EvaluationCriteria")
    interval = complaints.whole("EvaluationInterval", low=10, high=3_600)
    check_period(complaints, "EvaluationInterval", interval)
    criteria = read_criteria(complaints)
    return ContributorAlarm(
        name=read_name(complaints),
        actions=read_actions(complaints, composite=False),
        rule=criteria.rule,
        measure=criteria.measure,
        comparison=criteria.comparison,
        threshold=criteria.threshold,
        pending_ms=criteria.pending_seconds * 1000,
        recovery_ms=criteria.recovery_seconds * 1000,
        step_ms=max(interval * 1000, step_of(interval * 1000)),
        warm_up=_warm_up(complaints),
    )


def _static_alarm(
    complaints: Complaints, members: Mapping[str, Any], *, single: bool
) -> MetricAlarm:
    name, actions = read_name(complaints), read_actions(complaints, composite=False)
    complaints.refuse_members(("EvaluationInterval",), "without EvaluationCriteria")
    watch: MetricWatch | ExpressionWatch
    if single:
        watch = read_metric(complaints)
        period = complaints.whole("Period", low=1, high=WEEK_MS // 1000)
        statistic = str(members.get("Statistic") or members.get("ExtendedStatistic") or "")
        check_period(complaints, "Period", period)
    else:
        complaints.refuse_members(SINGLE_MEMBERS, "beside Metrics")
        watch, period = read_entries(complaints)
        statistic = "Expression"
        check_period(complaints, "the Period of Metrics", period)
    persistence = _persistence(complaints, period)
    return MetricAlarm(
        name=name,
        actions=actions,
        watch=watch,
        times=EvaluationTimes(
            period * 1000, persistence.seen + EXTRA_PERIODS, _zone(complaints, period)
        ),
        persistence=persistence,
        missing=MissingData(
            complaints.choice("TreatMissingData", MissingData, default=MissingData.MISSING)
        ),
        comparison=_comparison(complaints, members),
        threshold=_threshold(complaints, members),
        statistic=statistic,
        warm_up=_warm_up(complaints),
    )


def check_period(complaints: Complaints, name: str, seconds: int) -> None:
    """Complain of a period that CloudWatch does not know."""
    if seconds not in SHORT_PERIODS and seconds % 60:
        complaints.say(f"{name} is {seconds}, expected 10, 20, 30 or a multiple of 60 seconds")


def _persistence(complaints: Complaints, period: int) -> Persistence:
    seen = complaints.whole("EvaluationPeriods", low=1, high=MOST_PERIODS)
    required = complaints.whole("DatapointsToAlarm", low=1, high=MOST_PERIODS, default=seen)
    longest = (DAY_MS if period * 1000 < HOUR_MS else WEEK_MS) // 1000
    if seen * period > longest:
        complaints.say(
            f"EvaluationPeriods {seen} times a Period of {period} is {seen * period} seconds, "
            f"expected at most {longest}"
        )
    if required > seen:
        complaints.say(
            f"DatapointsToAlarm is {required}, expected at most EvaluationPeriods, {seen}"
        )
    return Persistence(min(required, seen), seen)


def _comparison(complaints: Complaints, members: Mapping[str, Any]) -> Comparison:
    operator = str(members.get("ComparisonOperator"))
    if "Lower" in operator or "Upper" in operator or complaints.has("ThresholdMetricId"):
        complaints.say(
            "found an anomaly detection band (ThresholdMetricId or a band operator), "
            "expected a Threshold: bands are not supported"
        )
        return Comparison.GREATER
    return Comparison(complaints.choice("ComparisonOperator", Comparison))


def _threshold(complaints: Complaints, members: Mapping[str, Any]) -> float:
    value = members.get("Threshold")
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return float(value)
    found = "is missing" if value is None else f"is {shown(value)}"
    complaints.say(f"Threshold {found}, expected a finite number")
    return 0.0


def _zone(complaints: Complaints, period: int) -> tzinfo | None:
    window = complaints.structure("EvaluationWindow")
    if window is None:
        return None
    if len(window) != 1:
        complaints.say(
            f"EvaluationWindow has {', '.join(window) or 'no member'}, "
            "expected exactly one of SlidingWindow and WallClockWindow"
        )
    wall_clock = window.get("WallClockWindow")
    if wall_clock is None:
        return None
    if period not in WALL_CLOCK_PERIODS:
        complaints.say(
            f"Period is {period}, expected 60, 300, 3600, 86400 or 604800 with a WallClockWindow"
        )
    try:
        return zone_of(str(wall_clock.get("Timezone") or "UTC"))
    except ValueError as error:
        complaints.say(
            f"EvaluationWindow.WallClockWindow.Timezone: {error}, expected a name such as "
            "Europe/London or an offset such as +05:30"
        )
    return None


def _warm_up(complaints: Complaints) -> WarmUp | None:
    found = complaints.structure("WarmUpConfiguration")
    if found is None:
        return None
    member = "WarmUpPeriodDurationInMinutes"
    minutes = found.get(member)
    if not isinstance(minutes, int) or not 1 <= minutes <= _WARM_UP_MINUTES:
        complaints.say(
            f"WarmUpConfiguration.{member} is {shown(minutes)}, "
            f"expected a whole number from 1 to {_WARM_UP_MINUTES}"
        )
        return None
    whole = bool(found.get("OnlyStartEvaluatingAfterWarmUpPeriodEnds"))
    return WarmUp(minutes * MINUTE_MS, whole)
