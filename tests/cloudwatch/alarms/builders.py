"""Alarms and states for tests of this package, checked by the readers that the product uses."""

from typing import Any

from detector.cloudwatch.alarms.alarm_model import (
    CompositeAlarm,
    ContributorAlarm,
    MetricAlarm,
)
from detector.cloudwatch.alarms.alarm_state import MetricAlarmState, first_state
from detector.cloudwatch.alarms.m_of_n import StateValue
from detector.cloudwatch.alarms.requests import read_composite_alarm, read_metric_alarm
from tests.support import alarm_world


def metric_alarm(name: str = "a", **changes: Any) -> MetricAlarm:
    alarm = read_metric_alarm(alarm_world.metric_alarm(name, **changes))
    assert isinstance(alarm, MetricAlarm)
    return alarm


def contributor_alarm(name: str = "a", **changes: Any) -> ContributorAlarm:
    alarm = read_metric_alarm(alarm_world.contributor_alarm(name, **changes))
    assert isinstance(alarm, ContributorAlarm)
    return alarm


def composite_alarm(name: str = "c", rule: str = "TRUE", **changes: Any) -> CompositeAlarm:
    return read_composite_alarm({"AlarmName": name, "AlarmRule": rule, **changes})


def alarm_state(state: StateValue = StateValue.OK, reason: str = "because") -> MetricAlarmState:
    return MetricAlarmState(state, reason, 0, 0)


__all__ = [
    "alarm_state",
    "composite_alarm",
    "contributor_alarm",
    "first_state",
    "metric_alarm",
]
