"""One evaluation: the next alarm_state, its reason in words and in numbers."""

import json
from datetime import datetime
from typing import Any

import pytest

from detector.cloudwatch.alarms.alarm_state import first_state
from detector.cloudwatch.alarms.evaluations import (
    composite_alarm_after,
    metric_alarm_after,
)
from detector.cloudwatch.alarms.m_of_n import StateValue
from detector.cloudwatch.alarms.reasons import EvaluatedRange, aws_time, metric_reason_data
from tests.cloudwatch.alarms.builders import alarm_state, composite_alarm, metric_alarm

NOW = 600_000
MINUTE = 60_000


def reading(*values: float | None, **changes: Any) -> EvaluatedRange:
    first = NOW - len(values) * MINUTE
    return EvaluatedRange([first + n * MINUTE for n in range(len(values) + 1)], values, **changes)


@pytest.mark.parametrize(
    ("changes", "values", "state", "reason"),
    [
        (
            {},
            (1.0, 2.0, 9.0),
            StateValue.ALARM,
            (
                "1 of the newest 1 datapoints breach > 5 [9 at 1970-01-01T00:09:00Z]; "
                "ALARM needs 1 of 1"
            ),
        ),
        (
            {"EvaluationPeriods": 3, "DatapointsToAlarm": 2},
            (None, 7.5, None, None, 8.0),
            StateValue.ALARM,
            (
                "2 of the newest 2 datapoints breach > 5 [7.5 at 1970-01-01T00:06:00Z, "
                "8 at 1970-01-01T00:09:00Z]; ALARM needs 2 of 3, 1 are missing"
            ),
        ),
        (
            {"EvaluationPeriods": 3, "TreatMissingData": "breaching"},
            (None, None, None, None, 8.0),
            StateValue.ALARM,
            (
                "1 of the newest 1 datapoints breach > 5 [8 at 1970-01-01T00:09:00Z]; "
                "ALARM needs 3 of 3, 2 missing are treated as breaching"
            ),
        ),
        (
            {"TreatMissingData": "breaching"},
            (None, None, None),
            StateValue.ALARM,
            (
                "there is no datapoint in the last 3 periods, and missing data is treated as "
                "breaching"
            ),
        ),
    ],
)
def test_a_state_that_is_entered_is_explained(
    changes: dict[str, Any], values: tuple[float | None, ...], state: StateValue, reason: str
) -> None:
    before = alarm_state()
    after = metric_alarm_after(
        metric_alarm(**changes), before, reading(*values), created_ms=0, at_ms=NOW
    )
    assert (state, reason) == (after.state, after.reason)
    assert (NOW, NOW) == (after.updated_ms, after.transitioned_ms)


def test_without_any_datapoint_nothing_is_said_of_a_mode_that_does_not_fill() -> None:
    after = metric_alarm_after(
        metric_alarm(), alarm_state(), reading(None, None, None), created_ms=0, at_ms=NOW
    )
    assert after.state is StateValue.INSUFFICIENT_DATA
    assert after.reason == "there is no datapoint in the last 3 periods"


def test_a_state_that_stays_is_the_very_same_object() -> None:
    before = alarm_state()
    for values in ((1.0,), (None, 1.0)):
        found = metric_alarm_after(
            metric_alarm(), before, reading(*values), created_ms=0, at_ms=NOW
        )
        assert found is before
    kept = metric_alarm(TreatMissingData="ignore")
    assert metric_alarm_after(kept, before, reading(None), created_ms=0, at_ms=NOW) is before
    few = reading(9.0, few_samples=True)
    assert metric_alarm_after(metric_alarm(), before, few, created_ms=0, at_ms=NOW) is before


def test_the_numbers_have_cloudwatchs_members() -> None:
    alarm = metric_alarm(EvaluationPeriods=2)
    numbers = json.loads(metric_reason_data(alarm, reading(1.0, None, 2.0, 3.0), NOW))
    assert numbers == {
        "version": "1.0",
        "queryDate": "1970-01-01T00:10:00.000+0000",
        "startDate": "1970-01-01T00:08:00.000+0000",
        "statistic": "Sum",
        "period": 60,
        "recentDatapoints": [2.0, 3.0],
        "threshold": 5.0,
        "evaluatedDatapoints": [
            {"timestamp": "1970-01-01T00:09:00.000+0000", "value": 3.0},
            {"timestamp": "1970-01-01T00:08:00.000+0000", "value": 2.0},
        ],
    }
    empty = json.loads(metric_reason_data(alarm, reading(None, None), NOW))
    assert (empty["startDate"], empty["recentDatapoints"]) == ("1970-01-01T00:08:00.000+0000", [])


def test_numbers_that_are_too_long_lose_their_oldest_datapoints() -> None:
    alarm = metric_alarm(EvaluationPeriods=1_000)
    values = [number + 1 / 3 for number in range(1_000)]
    text = metric_reason_data(alarm, reading(*values), NOW)
    numbers = json.loads(text)
    assert 3_000 < len(text) <= 4_000
    kept = numbers["recentDatapoints"]
    assert kept == values[-len(kept) :]
    assert [each["value"] for each in numbers["evaluatedDatapoints"]] == kept[::-1]


def test_a_warm_up_ends_by_its_data_or_by_the_clock() -> None:
    warm = {"WarmUpPeriodDurationInMinutes": 20}
    alarm = metric_alarm(WarmUpConfiguration=warm, EvaluationPeriods=2)
    before = first_state(alarm, 0)
    early = metric_alarm_after(alarm, before, reading(None, 9.0), created_ms=0, at_ms=NOW)
    assert early is before
    by_data = metric_alarm_after(alarm, before, reading(9.0, 9.0), created_ms=0, at_ms=NOW)
    assert (by_data.state, by_data.warm) == (StateValue.ALARM, True)
    by_clock = metric_alarm_after(
        alarm, before, reading(None, None), created_ms=0, at_ms=20 * MINUTE
    )
    assert (by_clock.state, by_clock.warm) == (StateValue.INSUFFICIENT_DATA, True)
    whole = metric_alarm(
        WarmUpConfiguration={**warm, "OnlyStartEvaluatingAfterWarmUpPeriodEnds": True}
    )
    assert metric_alarm_after(whole, before, reading(9.0), created_ms=0, at_ms=NOW) is before


def test_what_a_user_set_ends_with_an_evaluation_that_still_warms_up() -> None:
    alarm = metric_alarm(WarmUpConfiguration={"WarmUpPeriodDurationInMinutes": 20})
    before = alarm_state(StateValue.ALARM)
    after = metric_alarm_after(alarm, before, reading(None), created_ms=0, at_ms=NOW)
    assert after.state is StateValue.INSUFFICIENT_DATA
    assert after.reason == "the alarm warms up for 600 s more"


STATES = {f"a{number}": StateValue.ALARM for number in range(80)}


def composed(rule: str, states: dict[str, StateValue]) -> Any:
    return composite_alarm_after(
        composite_alarm(rule=rule),
        alarm_state(StateValue.INSUFFICIENT_DATA),
        states.get,
        since_ms={"a1": 1_000},
        arn_prefix="arn:x:alarm:",
        at_ms=NOW,
    )


def test_a_composite_alarm_says_how_its_alarms_stand() -> None:
    states = {"a0": StateValue.OK, "a1": StateValue.ALARM}
    after = composed("ALARM(a0) OR ALARM(a1) OR OK(gone)", states)
    assert after.state is StateValue.ALARM
    assert after.reason == "the rule holds: a1 is in ALARM, a0 is in OK, gone is gone"
    assert json.loads(after.reason_data) == {
        "triggeringAlarms": [
            {
                "arn": "arn:x:alarm:a1",
                "state": {"value": "ALARM", "timestamp": "1970-01-01T00:00:01.000+0000"},
            }
        ]
    }
    assert composed("FALSE", {}).reason == "the rule does not hold"


def test_what_many_alarms_would_say_is_bounded() -> None:
    after = composed(f"AT_LEAST(1, ALARM, ({', '.join(STATES)}))", STATES)
    assert after.reason.endswith("a4 is in ALARM, 75 more")
    assert len(after.reason_data) <= 4_000
    assert len(json.loads(after.reason_data)["triggeringAlarms"]) > 20


def test_a_composite_alarm_that_stays_is_the_very_same_object() -> None:
    before = alarm_state()
    found = composite_alarm_after(
        composite_alarm(rule="FALSE"), before, lambda _: None, since_ms={}, arn_prefix="", at_ms=NOW
    )
    assert found is before


def test_moments_are_written_as_cloudwatch_does() -> None:
    text = aws_time(1_793_505_600_123)
    assert text == "2026-11-01T04:00:00.123+0000"
    assert datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp() == 1_793_505_600.123
