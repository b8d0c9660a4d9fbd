"""One evaluation of a metric or composite alarm: from what was read to the next state.

Law: the next state depends on the alarm, the state before, what was read and the instant; where
nothing changes, the same object is returned.
"""

from dataclasses import replace

from detector.cloudwatch.alarms.alarm_model import CompositeAlarm, MetricAlarm, WarmUp
from detector.cloudwatch.alarms.alarm_state import MetricAlarmState
from detector.cloudwatch.alarms.composite_rule import States
from detector.cloudwatch.alarms.m_of_n import StateValue, evaluate_m_of_n
from detector.cloudwatch.alarms.reasons import (
    EvaluatedRange,
    composite_reason,
    composite_reason_data,
    metric_reason,
    metric_reason_data,
)


def metric_alarm_after(
    alarm: MetricAlarm,
    alarm_state: MetricAlarmState,
    reading: EvaluatedRange,
    *,
    created_ms: int,
    at_ms: int,
) -> MetricAlarmState:
    """Return the state after one evaluation."""
    if alarm.warm_up is not None and not alarm_state.warm:
        complete = None not in reading.values[-alarm.persistence.seen :]
        if not is_warm(alarm.warm_up, complete=complete, created_ms=created_ms, at_ms=at_ms):
            return still_warming(alarm.warm_up, alarm_state, created_ms=created_ms, at_ms=at_ms)
        alarm_state = replace(alarm_state, warm=True)
    if reading.few_samples:
        return alarm_state
    compare, threshold = alarm.comparison.breaches, alarm.threshold
    breaches = [None if each is None else compare(each, threshold) for each in reading.values]
    new_state = evaluate_m_of_n(breaches, alarm.persistence, alarm.missing)
    if new_state is None or new_state is alarm_state.state:
        return alarm_state
    reason = metric_reason(alarm, reading, new_state)
    return alarm_state.moved(new_state, reason, metric_reason_data(alarm, reading, at_ms), at_ms)


def is_warm(warm_up: WarmUp, *, complete: bool, created_ms: int, at_ms: int) -> bool:
    """Return whether the warm-up is over: its time has passed, or its data suffices."""
    return at_ms >= created_ms + warm_up.length_ms or (complete and not warm_up.whole)


def still_warming(
    warm_up: WarmUp, alarm_state: MetricAlarmState, *, created_ms: int, at_ms: int
) -> MetricAlarmState:
    """Return INSUFFICIENT_DATA for an alarm that warms up, even if a user set another state."""
    if alarm_state.state is StateValue.INSUFFICIENT_DATA:
        return alarm_state
    left = (created_ms + warm_up.length_ms - at_ms) // 1000
    reason = f"the alarm warms up for {left} s more"
    return alarm_state.moved(StateValue.INSUFFICIENT_DATA, reason, "", at_ms)


def composite_alarm_after(
    alarm: CompositeAlarm,
    alarm_state: MetricAlarmState,
    states: States,
    *,
    since_ms: dict[str, int],
    arn_prefix: str,
    at_ms: int,
) -> MetricAlarmState:
    """Return the state after the children may have moved.

    ``since_ms``: since when each child is in its state.
    """
    holds = alarm.rule.holds(states)
    state = StateValue.ALARM if holds else StateValue.OK
    if state is alarm_state.state:
        return alarm_state
    reason = composite_reason(alarm, states, holds)
    numbers = composite_reason_data(alarm, states, since_ms, arn_prefix)
    return alarm_state.moved(state, reason, numbers, at_ms)
