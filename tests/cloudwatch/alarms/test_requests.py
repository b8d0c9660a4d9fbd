"""PutMetricAlarm's members: what an alarm becomes of, and every refusal by its words."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from detector.cloudwatch.alarms.alarm_model import (
    Actions,
    ContributorAlarm,
    ExpressionWatch,
    Measure,
    MetricAlarm,
    MetricWatch,
    WarmUp,
)
from detector.cloudwatch.alarms.evaluation_times import EvaluationTimes
from detector.cloudwatch.alarms.m_of_n import ComparisonOperator, MissingData
from detector.cloudwatch.alarms.requests import read_metric_alarm
from detector.cloudwatch.alarms.validation import AlarmRefusedError
from detector.cloudwatch.metrics.series import FleetMetric, InsightRuleMetric, RuleMetric
from detector.detection.persistence import Persistence
from tests.support.alarm_world import contributor_alarm, fleet_metric, metric_alarm

TALK = 'INSIGHT_RULE_METRIC(rule, "MaxContributorValue") / INSIGHT_RULE_METRIC(rule, "Sum")'
BARE = dict.fromkeys(("MetricName", "Namespace", "Statistic", "Period"))


def expression_alarm(*entries: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return metric_alarm(Metrics=list(entries), **{**BARE, **changes})


def stat(name: str, period: int = 60, **changes: Any) -> dict[str, Any]:
    metric = {
        "Namespace": "Detector/Fleet",
        "MetricName": "Faults",
        "Dimensions": [{"Name": "Zone", "Value": "az1"}],
    }
    inner = {"Metric": metric, "Period": period, "Stat": "Sum"}
    return {"Id": name, "MetricStat": inner, "ReturnData": False, **changes}


def math(text: str, name: str = "e1", **changes: Any) -> dict[str, Any]:
    return {"Id": name, "Expression": text, "ReturnData": True, **changes}


def refusal(members: dict[str, Any]) -> str:
    with pytest.raises(AlarmRefusedError) as raised:
        read_metric_alarm(members)
    assert raised.value.code == "ValidationError"
    return str(raised.value)


def test_an_alarm_on_a_metric() -> None:
    alarm = read_metric_alarm(
        metric_alarm(
            Dimensions=[{"Name": "Zone", "Value": "az1"}, {"Name": "Host", "Value": "h"}],
            EvaluationPeriods=5,
            DatapointsToAlarm=3,
            TreatMissingData="notBreaching",
            InsufficientDataActions=["arn:aws:sns:us-east-1:1:lost"],
            ActionsEnabled=False,
            WarmUpConfiguration={"WarmUpPeriodDurationInMinutes": 5},
            EvaluationWindow={"SlidingWindow": {}},
        )
    )
    assert alarm == MetricAlarm(
        name="many-faults",
        actions=Actions(
            False,
            ("arn:aws:sns:us-east-1:1:calm",),
            ("arn:aws:sns:us-east-1:1:page",),
            ("arn:aws:sns:us-east-1:1:lost",),
        ),
        watch=MetricWatch(fleet_metric(Host="h", Zone="az1")),
        times=EvaluationTimes(60_000, 7),
        persistence=Persistence(3, 5),
        missing=MissingData.NOT_BREACHING,
        comparison=ComparisonOperator.GREATER,
        threshold=5.0,
        statistic="Sum",
        warm_up=WarmUp(300_000),
    )


def test_what_is_left_out_has_cloudwatchs_default() -> None:
    alarm = read_metric_alarm(metric_alarm(OKActions=None, AlarmActions=None, Period=10))
    assert isinstance(alarm, MetricAlarm)
    assert (alarm.actions, alarm.missing) == (Actions(), MissingData.MISSING)
    assert (alarm.persistence, alarm.times.zone) == (Persistence(1, 1), None)


def test_a_wall_clock_window_has_a_time_zone() -> None:
    for window, zone in (({}, "UTC"), ({"Timezone": "Asia/Tokyo"}, "Asia/Tokyo")):
        alarm = read_metric_alarm(
            metric_alarm(Period=86_400, EvaluationWindow={"WallClockWindow": window})
        )
        assert isinstance(alarm, MetricAlarm)
        assert alarm.times == EvaluationTimes(86_400_000, 3, ZoneInfo(zone))


@pytest.mark.parametrize(
    ("statistic", "mode", "fewest"),
    [
        ("p99", "ignore", 1000),
        ("p99", "evaluate", 0),
        ("p99", None, 0),
        ("p50", "ignore", 20),
        ("p10", "ignore", 100),
        ("p100", "ignore", float("inf")),
        ("tm90", "ignore", 0),
    ],
)
def test_a_percentile_may_need_samples(statistic: str, mode: str | None, fewest: float) -> None:
    alarm = read_metric_alarm(
        metric_alarm(
            Statistic=None, ExtendedStatistic=statistic, EvaluateLowSampleCountPercentile=mode
        )
    )
    assert isinstance(alarm, MetricAlarm)
    assert isinstance(alarm.watch, MetricWatch)
    assert alarm.watch.low_samples == pytest.approx(fewest)
    samples = fleet_metric(statistic="SampleCount") if fewest else None
    assert samples == alarm.watch.samples
    assert (statistic, fleet_metric(statistic=statistic)) == (alarm.statistic, alarm.watch.metric)


def test_the_expression_of_the_talk_is_watched_as_written() -> None:
    alarm = read_metric_alarm(expression_alarm(math(f"{TALK} > 0.66", Period=60), Threshold=0.5))
    assert isinstance(alarm, MetricAlarm)
    assert isinstance(alarm.watch, ExpressionWatch)
    assert {InsightRuleMetric("rule", RuleMetric.MAX_CONTRIBUTOR_VALUE)} <= set(
        alarm.watch.program.metrics
    )
    assert ("e1", "Expression", 60_000) == (
        alarm.watch.returned,
        alarm.statistic,
        alarm.times.period_ms,
    )


def test_metrics_may_stand_beside_an_expression_over_them() -> None:
    alarm = read_metric_alarm(expression_alarm(stat("m1"), stat("m2"), math("m1 + m2")))
    assert isinstance(alarm, MetricAlarm)
    assert isinstance(alarm.watch, ExpressionWatch)
    assert alarm.watch.program.metrics == (
        FleetMetric("Detector/Fleet", "Faults", (("Zone", "az1"),), "Sum"),
    )


def test_an_alarm_per_contributor() -> None:
    criteria = {
        "Query": "  insight_rule_contributor_value { rule = 'a' , } <= -2.5e1",
        "PendingPeriod": 60,
        "RecoveryPeriod": 120,
    }
    alarm = read_metric_alarm(
        contributor_alarm(criteria=criteria, EvaluationInterval=30, ActionsEnabled=True)
    )
    assert alarm == ContributorAlarm(
        name="one-owns-it",
        actions=Actions(alarm=("arn:aws:sns:us-east-1:1:page",)),
        rule="a",
        measure=Measure.VALUE,
        comparison=ComparisonOperator.LESS_OR_EQUAL,
        threshold=-25.0,
        pending_ms=60_000,
        recovery_ms=120_000,
        step_ms=30_000,
    )


def test_tags_may_go_with_actions() -> None:
    def propagation(**members: Any) -> Actions:
        configuration = {"AlarmTagsPropagation": members}
        return read_metric_alarm(metric_alarm(ActionConfiguration=configuration)).actions

    tags = {"team": "a", "cost": "b"}
    assert propagation(Enabled=True).notification_tags(tags) == tags
    assert propagation(Enabled=False).notification_tags(tags) == {}
    assert propagation(Enabled=True, IncludedTagKeys=["team"]).notification_tags(tags) == {
        "team": "a"
    }
    assert propagation(Enabled=True, ExcludedTagKeys=["team"]).notification_tags(tags) == {
        "cost": "b"
    }
    assert Actions().notification_tags(tags) == {}


EXAMPLE = 'insight_rule_contributor_share{rule="faults-by-host"} > 0.66'
PROMQL = "EvaluationCriteria.PromQLCriteria"
WINDOW = "EvaluationWindow.WallClockWindow"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            metric_alarm(MetricName=None),
            (
                "found none of them, expected exactly one of MetricName, Metrics and "
                "EvaluationCriteria"
            ),
        ),
        (
            metric_alarm(Metrics=[math("1")]),
            (
                "found MetricName, Metrics, expected exactly one of MetricName, Metrics and "
                "EvaluationCriteria"
            ),
        ),
        (metric_alarm(AlarmName=None), "AlarmName is missing, expected a text"),
        (metric_alarm("x" * 256), "AlarmName has 256 characters, expected 1 to 255"),
        (
            metric_alarm(AlarmDescription="x" * 1025),
            "AlarmDescription has 1025 characters, expected 0 to 1024",
        ),
        (metric_alarm(Namespace=None), "Namespace is missing, expected a text"),
        (
            metric_alarm(Namespace=":x"),
            "Namespace is ':x', expected no colon at its beginning",
        ),
        (
            metric_alarm(Statistic="Median"),
            "Statistic is 'Median', expected one of SampleCount, Average, Sum, Minimum, Maximum",
        ),
        (
            metric_alarm(Statistic=None),
            "found neither, expected Statistic or ExtendedStatistic",
        ),
        (
            metric_alarm(ExtendedStatistic="p99"),
            "found both, expected Statistic or ExtendedStatistic",
        ),
        (
            metric_alarm(Statistic=None, ExtendedStatistic="best"),
            "ExtendedStatistic is 'best', expected one such as p99, tm90 or PR(0:300)",
        ),
        (
            metric_alarm(
                Statistic=None,
                ExtendedStatistic="p99",
                EvaluateLowSampleCountPercentile="perhaps",
            ),
            "EvaluateLowSampleCountPercentile is 'perhaps', expected one of evaluate, ignore",
        ),
        (
            metric_alarm(EvaluateLowSampleCountPercentile="ignore"),
            (
                "found EvaluateLowSampleCountPercentile, expected none of them without "
                "ExtendedStatistic"
            ),
        ),
        (
            metric_alarm(Period=45),
            "Period is 45, expected 10, 20, 30 or a multiple of 60 seconds",
        ),
        (
            metric_alarm(Period=None),
            (
                "Period is missing, expected a whole number from 1 to 604800; "
                "Period is 1, expected 10, 20, 30 or a multiple of 60 seconds"
            ),
        ),
        (
            metric_alarm(EvaluationPeriods=0),
            "EvaluationPeriods is 0, expected a whole number from 1 to 60480",
        ),
        (
            metric_alarm(EvaluationPeriods=2, DatapointsToAlarm=3),
            "DatapointsToAlarm is 3, expected at most EvaluationPeriods, 2",
        ),
        (
            metric_alarm(EvaluationPeriods=1441),
            "EvaluationPeriods 1441 times a Period of 60 is 86460 seconds, expected at most 86400",
        ),
        (
            metric_alarm(EvaluationPeriods=169, Period=3600),
            (
                "EvaluationPeriods 169 times a Period of 3600 is 608400 seconds, "
                "expected at most 604800"
            ),
        ),
        (metric_alarm(Threshold=None), "Threshold is missing, expected a finite number"),
        (
            metric_alarm(Threshold=float("nan")),
            "Threshold is nan, expected a finite number",
        ),
        (
            metric_alarm(ComparisonOperator="Equals"),
            (
                "ComparisonOperator is 'Equals', expected one of GreaterThanOrEqualToThreshold, "
                "GreaterThanThreshold, LessThanThreshold, LessThanOrEqualToThreshold"
            ),
        ),
        (
            metric_alarm(ComparisonOperator="LessThanLowerThreshold"),
            (
                "found an anomaly detection band (ThresholdMetricId or a band operator), "
                "expected a Threshold: bands are not supported"
            ),
        ),
        (
            metric_alarm(ThresholdMetricId="ad1"),
            (
                "found an anomaly detection band (ThresholdMetricId or a band operator), "
                "expected a Threshold: bands are not supported"
            ),
        ),
        (
            metric_alarm(TreatMissingData="guess"),
            "TreatMissingData is 'guess', expected one of missing, ignore, breaching, notBreaching",
        ),
        (
            metric_alarm(EvaluationInterval=60),
            "found EvaluationInterval, expected none of them without EvaluationCriteria",
        ),
        (
            metric_alarm(AlarmActions=["mail me"]),
            "AlarmActions[0] is 'mail me', expected an ARN (arn:aws:sns:...)",
        ),
        (
            metric_alarm(OKActions=["arn:x"] * 6),
            "OKActions has 6 items, expected at most 5",
        ),
        (
            metric_alarm(Dimensions=[{"Name": "A", "Value": "1"}, {"Name": "A", "Value": "2"}]),
            "Dimensions[1].Name 'A' stands there twice, expected every name once",
        ),
        (
            metric_alarm(Dimensions=[7]),
            (
                "Dimensions[0].Name is None, expected a text; "
                "Dimensions[0].Value is None, expected a text"
            ),
        ),
        (
            metric_alarm(EvaluationWindow={}),
            (
                "EvaluationWindow has no member, expected exactly one of SlidingWindow and "
                "WallClockWindow"
            ),
        ),
        (
            metric_alarm(Period=120, EvaluationWindow={"WallClockWindow": {}}),
            "Period is 120, expected 60, 300, 3600, 86400 or 604800 with a WallClockWindow",
        ),
        (
            metric_alarm(EvaluationWindow={"WallClockWindow": {"Timezone": "Mars"}}),
            (
                f"{WINDOW}.Timezone: 'Mars' is no time zone, expected a name such as Europe/London "
                "or an offset such as +05:30"
            ),
        ),
        (
            metric_alarm(WarmUpConfiguration={"WarmUpPeriodDurationInMinutes": 2881}),
            (
                "WarmUpConfiguration.WarmUpPeriodDurationInMinutes is 2881, "
                "expected a whole number from 1 to 2880"
            ),
        ),
        (
            metric_alarm(
                ActionConfiguration={
                    "AlarmTagsPropagation": {
                        "Enabled": True,
                        "IncludedTagKeys": ["a"],
                        "ExcludedTagKeys": ["b"],
                    }
                }
            ),
            (
                "ActionConfiguration.AlarmTagsPropagation has IncludedTagKeys and ExcludedTagKeys, "
                "expected one of them"
            ),
        ),
        (
            contributor_alarm(EvaluationInterval=None),
            "EvaluationInterval is missing, expected a whole number from 10 to 3600",
        ),
        (
            contributor_alarm(EvaluationInterval=45),
            "EvaluationInterval is 45, expected 10, 20, 30 or a multiple of 60 seconds",
        ),
        (
            contributor_alarm(Threshold=1.0),
            "found Threshold, expected none of them beside EvaluationCriteria",
        ),
        (
            contributor_alarm(EvaluationCriteria={"SqlCriteria": {}}),
            (
                "EvaluationCriteria has SqlCriteria, expected exactly PromQLCriteria; "
                f"{PROMQL}.Query is missing, expected a text; "
                f"{PROMQL}.Query is '', expected a sentence such as {EXAMPLE}"
            ),
        ),
        (
            contributor_alarm(criteria={"Query": "rate(http_errors[5m]) > 1"}),
            f"{PROMQL}.Query is 'rate(http_errors[5m]) > 1', expected a sentence such as {EXAMPLE}",
        ),
        (
            contributor_alarm(
                criteria={"Query": 'insight_rule_contributor_value{rule="a"} > 1e999'}
            ),
            (
                f"{PROMQL}.Query is 'insight_rule_contributor_value{{rule=\"a\"}} > 1e999', "
                f"expected a sentence such as {EXAMPLE}"
            ),
        ),
        (
            contributor_alarm(criteria={"PendingPeriod": 86_401}),
            f"{PROMQL}.PendingPeriod is 86401, expected a whole number from 0 to 86400",
        ),
        (
            expression_alarm(math("m9", Period=60)),
            'Metrics: e1: line 1, column 1: found "m9", expected the id of a query of this request',
        ),
        (
            expression_alarm(stat("m1"), stat("m2", MetricStat=None), math("m1")),
            "Metrics[1] has neither, expected MetricStat or Expression",
        ),
        (
            expression_alarm(stat("m1", Expression="m1"), math("m1")),
            "Metrics[0] has both, expected MetricStat or Expression",
        ),
        (
            expression_alarm(stat("m1", period=60), stat("m2", period=300), math("m1")),
            "Metrics have the Periods 60, 300, expected one that all share",
        ),
        (
            expression_alarm(math(TALK)),
            "Metrics have the Periods none, expected one that all share",
        ),
        (
            expression_alarm(stat("m1", Period=60), math("m1")),
            "Metrics[0] has Period beside MetricStat, expected it in MetricStat alone",
        ),
        (
            expression_alarm(stat("m1", AccountId="1"), math("m1")),
            "Metrics[0] has AccountId, expected none: there is one account",
        ),
        (
            expression_alarm(stat("M1"), math("1", Period=60)),
            "Metrics[0].Id is 'M1', expected letters, digits and underscores after a small letter",
        ),
        (
            expression_alarm(stat("m1"), stat("m1"), math("m1")),
            "Metrics[1].Id 'm1' stands there twice, expected every Id once",
        ),
        (
            expression_alarm(stat("m1"), math("m1", ReturnData=False)),
            (
                "ReturnData is true for no item, expected true for exactly one item of Metrics and "
                "false for the others"
            ),
        ),
        (
            expression_alarm(stat("m1", ReturnData=True), math("m1")),
            (
                "ReturnData is true for m1, e1, expected true for exactly one item of Metrics and "
                "false for the others"
            ),
        ),
        (
            expression_alarm(*(stat(f"m{n}") for n in range(11)), math("m1")),
            "Metrics have 11 items with MetricStat, expected at most 10",
        ),
        (
            expression_alarm(stat("m1"), stat("m2"), math("[m1, m2]")),
            "e1 gives several series, expected one that an alarm can watch",
        ),
        (
            expression_alarm(stat("m1"), math("m1" + " + 1" * 600)),
            "Metrics[1].Expression has 2402 characters, expected 1 to 2048",
        ),
        (
            expression_alarm(stat("m1"), math("m1"), Namespace="x"),
            "found Namespace, expected none of them beside Metrics",
        ),
        (
            expression_alarm(7),  # type: ignore[arg-type]
            (
                "Metrics[0].Id is '', expected letters, digits and underscores "
                "after a small letter; "
                "Metrics[0] has neither, expected MetricStat or Expression; "
                "Metrics have the Periods none, expected one that all share"
            ),
        ),
    ],
)
def test_a_bad_alarm_is_refused_with_what_is_wrong(members: dict[str, Any], message: str) -> None:
    assert message == refusal(members)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    found = refusal(metric_alarm(Threshold=None, EvaluationPeriods=None, TreatMissingData="x"))
    assert 3 == len(found.split("; "))
