"""From a change of an alarm to its history items: suppression first, then mute rules.

Law: a change of state is always published; an action is published when its state is entered, unless
it is held. ``suppression.py`` decides what a suppressor holds. An action that a mute rule holds is
published as muted, and again as published once no mute rule is active and the alarm is still in
that state.
"""

from dataclasses import replace

from detector.cloudwatch.alarms.alarm_history import (
    HistoryItem,
    NotificationContext,
    action_items,
    contributor_action_items,
    contributor_items,
    state_item,
)
from detector.cloudwatch.alarms.alarm_model import Alarm, CompositeAlarm
from detector.cloudwatch.alarms.alarm_state import (
    ContributorState,
    MetricAlarmState,
)
from detector.cloudwatch.alarms.m_of_n import StateValue
from detector.cloudwatch.alarms.suppression import Hold, Suppression, suppression_after


def has_waiting_actions(alarm_state: MetricAlarmState) -> bool:
    """Return whether time alone can cause actions: muted ones, or a hold with a deadline."""
    hold = alarm_state.suppression.hold if alarm_state.suppression else Hold.FREE
    return (
        alarm_state.muted is not None
        or hold in {Hold.WAITING, Hold.EXTENDED}
        or any(each.muted for each in alarm_state.contributors)
    )


def notifications_after(
    alarm: Alarm,
    before: MetricAlarmState,
    after: MetricAlarmState,
    *,
    context: NotificationContext,
    suppressor_in_alarm: bool = False,
    at_ms: int,
) -> tuple[MetricAlarmState, list[HistoryItem]]:
    """Return the state with what is held now, and all history items of this instant."""
    items = []
    if before.state is not after.state:
        items.append(state_item(alarm, before, after, at_ms))
    after, contributor_changes = _contributors(alarm, before, after, context, at_ms)
    items += contributor_changes
    after, acts = _suppressed(alarm, before, after, suppressor_in_alarm, at_ms)
    if contributor_changes:
        # Each contributor has its own actions; the state of the alarm only sums them up.
        acts = []
    return _muted(alarm, after, acts, context, items, at_ms)


def _suppressed(
    alarm: Alarm,
    before: MetricAlarmState,
    after: MetricAlarmState,
    suppressor_in_alarm: bool,
    at_ms: int,
) -> tuple[MetricAlarmState, list[StateValue]]:
    changed = before.state is not after.state
    if not isinstance(alarm, CompositeAlarm) or alarm.suppressor is None:
        if after.suppression is not None:
            after = replace(after, suppression=None)
        return after, [after.state] if changed else []
    suppression, acts = suppression_after(
        after.suppression or Suppression(acted=before.state),
        alarm.suppressor,
        before=before.state,
        after=after.state,
        suppressor_in_alarm=suppressor_in_alarm,
        at_ms=at_ms,
    )
    return replace(after, suppression=suppression), acts


def _muted(
    alarm: Alarm,
    after: MetricAlarmState,
    acts: list[StateValue],
    context: NotificationContext,
    items: list[HistoryItem],
    at_ms: int,
) -> tuple[MetricAlarmState, list[HistoryItem]]:
    if not acts and after.muted is not None and not context.muted_by:
        # The mute rule is over: publish what it held, if the alarm is still in that state.
        acts = [after.muted] if after.muted is after.state else []
        after = replace(after, muted=None)
    for state in acts:
        items += action_items(alarm, after, state, context=context, at_ms=at_ms)
    if acts:
        after = replace(after, muted=acts[-1] if context.muted_by else None)
    return after, items


def _contributors(
    alarm: Alarm,
    before: MetricAlarmState,
    after: MetricAlarmState,
    context: NotificationContext,
    at_ms: int,
) -> tuple[MetricAlarmState, list[HistoryItem]]:
    if not after.contributors:
        return after, []
    states = {each.id: each.state for each in before.contributors}
    items: list[HistoryItem] = []
    kept: list[ContributorState] = []
    for each in after.contributors:
        was = states.get(each.id, StateValue.OK)
        moved = each.state is not was
        if moved:
            items += contributor_items(alarm, after, each, was, at_ms)
        if moved or (each.muted and not context.muted_by):
            items += contributor_action_items(alarm, after, each, context=context, at_ms=at_ms)
            each = replace(each, muted=bool(context.muted_by))  # noqa: PLW2901 - the same contributor
        kept.append(each)
    return replace(after, contributors=tuple(kept)), items
