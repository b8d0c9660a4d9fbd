"""From the members of PutMetricAlarm or PutCompositeAlarm to an alarm, or to all their faults.

Source: CloudWatch API reference, PutMetricAlarm and PutCompositeAlarm; limits as of 2026.
"""

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from math import isfinite
from typing import Any, Final

from detector.cloudwatch.alarms.alarm_model import (
    Actions,
    CompositeAlarm,
    ContributorAlarm,
    ExpressionWatch,
    MetricAlarm,
    MetricWatch,
    Suppressor,
    WarmUp,
)
from detector.cloudwatch.alarms.composite_rule import (
    CompositeRule,
    name_of,
    parse_composite_rule,
)
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
from detector.cloudwatch.alarms.m_of_n import EXTRA_PERIODS, ComparisonOperator, MissingData
from detector.cloudwatch.alarms.metric_members import read_entries, read_metric
from detector.cloudwatch.alarms.validation import AlarmRefusedError, ValidationErrors, shown
from detector.detection.persistence import Persistence

LONGEST_SECONDS: Final = 86_400
ARN_CHARACTERS: Final = 1_600
_PERIODS: Final = ("ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")


def read_composite_alarm(members: Mapping[str, Any]) -> CompositeAlarm:
    """Return the alarm; ``AlarmRefusedError`` reports every fault in one message.

    The alarm graph checks whether the alarms that it names exist.
    """
    errors = ValidationErrors(members)
    name = read_name(errors)
    actions = read_actions(errors, composite=True)
    suppressor = _read_suppressor(errors)
    text = errors.text("AlarmRule", low=1, high=1_000_000, required=True)
    rule = _read_rule(errors, text)
    errors.raise_if_invalid()
    return CompositeAlarm(name, actions, rule, suppressor)


def _read_rule(errors: ValidationErrors, text: str) -> CompositeRule:
    try:
        return parse_composite_rule(text)
    except AlarmRefusedError as error:
        if text:
            errors.add(str(error))
        return CompositeRule(text, (), ())


def _read_suppressor(errors: ValidationErrors) -> Suppressor | None:
    if not errors.has("ActionsSuppressor"):
        errors.refuse_members(_PERIODS, "without ActionsSuppressor")
        return None
    alarm = name_of(errors.text("ActionsSuppressor", low=1, high=ARN_CHARACTERS))
    wait, extension = (errors.whole(each, low=0, high=LONGEST_SECONDS) for each in _PERIODS)
    return Suppressor(alarm, wait * 1000, extension * 1000)


NAME_CHARACTERS: Final = 255
DESCRIPTION_CHARACTERS: Final = 1024
ACTION_CHARACTERS: Final = 1024
ACTIONS: Final = 5
TAGS: Final = 50
TAG_KEY_CHARACTERS: Final = 128
TAG_VALUE_CHARACTERS: Final = 256
ACTION_LISTS: Final = ("OKActions", "AlarmActions", "InsufficientDataActions")
_METRIC_ONLY_ACTIONS: Final = ("arn:aws:automate:", "arn:aws:swf:", "arn:aws:autoscaling:")


def read_name(errors: ValidationErrors, member: str = "AlarmName") -> str:
    """Read the name of an alarm or mute rule."""
    return errors.text(member, low=1, high=NAME_CHARACTERS, required=True)


def read_actions(errors: ValidationErrors, *, composite: bool) -> Actions:
    """Read the three lists of actions, whether they are enabled, and which tags go with them."""
    errors.text("AlarmDescription", low=0, high=DESCRIPTION_CHARACTERS)
    ok, alarm, insufficient = (
        tuple(_read_list(errors, name, composite=composite)) for name in ACTION_LISTS
    )
    included, excluded = _read_propagation(errors)
    enabled = errors.flag("ActionsEnabled", default=True)
    return Actions(enabled, ok, alarm, insufficient, included, excluded)


def _read_list(errors: ValidationErrors, name: str, *, composite: bool) -> Iterable[str]:
    for index, value in enumerate(errors.items(name, high=ACTIONS)):
        where = f"{name}[{index}]"
        text = errors.checked_text(value, where, low=1, high=ACTION_CHARACTERS)
        if text and not text.startswith("arn:"):
            errors.add(f"{where} is {shown(text)}, expected an ARN (arn:aws:sns:...)")
        elif composite and text.startswith(_METRIC_ONLY_ACTIONS):
            errors.add(
                f"{where} is {shown(text)}, expected an SNS, Lambda, SSM or AIOps ARN: "
                "a composite alarm takes no EC2 or Auto Scaling action"
            )
        yield text


def _read_propagation(
    errors: ValidationErrors,
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    configuration = errors.structure("ActionConfiguration") or {}
    propagation = configuration.get("AlarmTagsPropagation")
    if propagation is None:
        return None, ()
    included = tuple(propagation.get("IncludedTagKeys") or ())
    excluded = tuple(propagation.get("ExcludedTagKeys") or ())
    if included and excluded:
        errors.add(
            "ActionConfiguration.AlarmTagsPropagation has IncludedTagKeys and ExcludedTagKeys, "
            "expected one of them"
        )
    return (included if propagation.get("Enabled") else None), excluded


def read_tags(errors: ValidationErrors) -> dict[str, str]:
    """Read ``Tags``: at most 50, each key once."""
    tags: dict[str, str] = {}
    for index, item in enumerate(errors.items("Tags", high=TAGS)):
        entry: Mapping[str, Any] = item if isinstance(item, Mapping) else {}
        where = f"Tags[{index}]"
        key = errors.checked_text(entry.get("Key"), f"{where}.Key", low=1, high=TAG_KEY_CHARACTERS)
        value = errors.checked_text(
            entry.get("Value"), f"{where}.Value", low=0, high=TAG_VALUE_CHARACTERS
        )
        if key in tags:
            errors.add(f"{where}.Key {shown(key)} stands there twice, expected every key once")
        if key.lower().startswith("aws:"):
            errors.add(f"{where}.Key is {shown(key)}, expected no key that begins with aws:")
        tags[key] = value
    return tags


MAX_PERIODS: Final = WEEK_MS // 10_000
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
    """Return the alarm; ``AlarmRefusedError`` reports every fault in one message."""
    errors = ValidationErrors(members)
    given = [name for name in ("MetricName", "Metrics", "EvaluationCriteria") if members.get(name)]
    if len(given) != 1:
        found = ", ".join(given) or "none of them"
        errors.add(
            f"found {found}, expected exactly one of MetricName, Metrics and EvaluationCriteria"
        )
        errors.raise_if_invalid()
    alarm: MetricAlarm | ContributorAlarm
    if given == ["EvaluationCriteria"]:
        alarm = _contributor_alarm(errors)
    else:
        alarm = _static_alarm(errors, members, single=given == ["MetricName"])
    errors.raise_if_invalid()
    return alarm


def _contributor_alarm(errors: ValidationErrors) -> ContributorAlarm:
    errors.refuse_members((*SINGLE_MEMBERS, *STATIC_MEMBERS), "beside EvaluationCriteria")
    interval = errors.whole("EvaluationInterval", low=10, high=3_600)
    check_period(errors, "EvaluationInterval", interval)
    criteria = read_criteria(errors)
    return ContributorAlarm(
        name=read_name(errors),
        actions=read_actions(errors, composite=False),
        rule=criteria.rule,
        measure=criteria.measure,
        comparison=criteria.comparison,
        threshold=criteria.threshold,
        pending_ms=criteria.pending_seconds * 1000,
        recovery_ms=criteria.recovery_seconds * 1000,
        step_ms=max(interval * 1000, step_of(interval * 1000)),
        warm_up=_warm_up(errors),
    )


def _static_alarm(
    errors: ValidationErrors, members: Mapping[str, Any], *, single: bool
) -> MetricAlarm:
    name, actions = read_name(errors), read_actions(errors, composite=False)
    errors.refuse_members(("EvaluationInterval",), "without EvaluationCriteria")
    watch: MetricWatch | ExpressionWatch
    if single:
        watch = read_metric(errors)
        period = errors.whole("Period", low=1, high=WEEK_MS // 1000)
        statistic = str(members.get("Statistic") or members.get("ExtendedStatistic") or "")
        check_period(errors, "Period", period)
    else:
        errors.refuse_members(SINGLE_MEMBERS, "beside Metrics")
        watch, period = read_entries(errors)
        statistic = "Expression"
        check_period(errors, "the Period of Metrics", period)
    persistence = _persistence(errors, period)
    return MetricAlarm(
        name=name,
        actions=actions,
        watch=watch,
        times=EvaluationTimes(
            period * 1000, persistence.seen + EXTRA_PERIODS, _zone(errors, period)
        ),
        persistence=persistence,
        missing=MissingData(
            errors.choice("TreatMissingData", MissingData, default=MissingData.MISSING)
        ),
        comparison=_comparison(errors, members),
        threshold=_threshold(errors, members),
        statistic=statistic,
        warm_up=_warm_up(errors),
    )


def check_period(errors: ValidationErrors, name: str, seconds: int) -> None:
    """Report a period that CloudWatch does not accept."""
    if seconds not in SHORT_PERIODS and seconds % 60:
        errors.add(f"{name} is {seconds}, expected 10, 20, 30 or a multiple of 60 seconds")


def _persistence(errors: ValidationErrors, period: int) -> Persistence:
    seen = errors.whole("EvaluationPeriods", low=1, high=MAX_PERIODS)
    required = errors.whole("DatapointsToAlarm", low=1, high=MAX_PERIODS, default=seen)
    longest = (DAY_MS if period * 1000 < HOUR_MS else WEEK_MS) // 1000
    if seen * period > longest:
        errors.add(
            f"EvaluationPeriods {seen} times a Period of {period} is {seen * period} seconds, "
            f"expected at most {longest}"
        )
    if required > seen:
        errors.add(f"DatapointsToAlarm is {required}, expected at most EvaluationPeriods, {seen}")
    return Persistence(min(required, seen), seen)


def _comparison(errors: ValidationErrors, members: Mapping[str, Any]) -> ComparisonOperator:
    operator = str(members.get("ComparisonOperator"))
    if "Lower" in operator or "Upper" in operator or errors.has("ThresholdMetricId"):
        errors.add(
            "found an anomaly detection band (ThresholdMetricId or a band operator), "
            "expected a Threshold: bands are not supported"
        )
        return ComparisonOperator.GREATER
    return ComparisonOperator(errors.choice("ComparisonOperator", ComparisonOperator))


def _threshold(errors: ValidationErrors, members: Mapping[str, Any]) -> float:
    value = members.get("Threshold")
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return float(value)
    found = "is missing" if value is None else f"is {shown(value)}"
    errors.add(f"Threshold {found}, expected a finite number")
    return 0.0


def _zone(errors: ValidationErrors, period: int) -> tzinfo | None:
    window = errors.structure("EvaluationWindow")
    if window is None:
        return None
    if len(window) != 1:
        errors.add(
            f"EvaluationWindow has {', '.join(window) or 'no member'}, "
            "expected exactly one of SlidingWindow and WallClockWindow"
        )
    wall_clock = window.get("WallClockWindow")
    if wall_clock is None:
        return None
    if period not in WALL_CLOCK_PERIODS:
        errors.add(
            f"Period is {period}, expected 60, 300, 3600, 86400 or 604800 with a WallClockWindow"
        )
    try:
        return zone_of(str(wall_clock.get("Timezone") or "UTC"))
    except ValueError as error:
        errors.add(
            f"EvaluationWindow.WallClockWindow.Timezone: {error}, expected a name such as "
            "Europe/London or an offset such as +05:30"
        )
    return None


def _warm_up(errors: ValidationErrors) -> WarmUp | None:
    found = errors.structure("WarmUpConfiguration")
    if found is None:
        return None
    member = "WarmUpPeriodDurationInMinutes"
    minutes = found.get(member)
    if not isinstance(minutes, int) or not 1 <= minutes <= _WARM_UP_MINUTES:
        errors.add(
            f"WarmUpConfiguration.{member} is {shown(minutes)}, "
            f"expected a whole number from 1 to {_WARM_UP_MINUTES}"
        )
        return None
    whole = bool(found.get("OnlyStartEvaluatingAfterWarmUpPeriodEnds"))
    return WarmUp(minutes * MINUTE_MS, whole)
