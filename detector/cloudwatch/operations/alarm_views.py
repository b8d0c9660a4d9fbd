"""Alarms, history items and contributors in the form of CloudWatch's API."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from detector.cloudwatch.alarms.alarm_history import HistoryItem
from detector.cloudwatch.alarms.alarm_model import AlarmKind, CompositeAlarm
from detector.cloudwatch.alarms.alarm_state import ContributorState, MetricAlarmState
from detector.cloudwatch.alarms.alarm_store import Entry
from detector.cloudwatch.alarms.contributor_states import attributes_of
from detector.cloudwatch.alarms.requests import ACTION_LISTS
from detector.cloudwatch.alarms.suppression import suppression_words


def utc(at_ms: int) -> datetime:
    """Return epoch milliseconds as a time in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def alarm_view(entry: Entry, arn_prefix: str) -> dict[str, Any]:
    """Return the configuration and the state of an alarm."""
    record, state = entry.record, entry.state
    shown: dict[str, Any] = {
        **{name: [] for name in ACTION_LISTS},
        **record.members,
        "ActionsEnabled": record.members.get("ActionsEnabled", True),
        "AlarmArn": f"{arn_prefix}{entry.name}",
        "AlarmConfigurationUpdatedTimestamp": utc(record.updated_ms),
        "StateReason": state.reason,
        "StateTransitionedTimestamp": utc(state.transitioned_ms),
        "StateUpdatedTimestamp": utc(state.updated_ms),
        "StateValue": state.state.value,
    }
    if state.reason_data:
        shown["StateReasonData"] = state.reason_data
    if state.evaluation_state and record.kind is AlarmKind.METRIC:
        shown["EvaluationState"] = state.evaluation_state
    if "MetricName" in shown:
        shown.setdefault("Dimensions", [])
    if isinstance(entry.alarm, CompositeAlarm):
        shown.update(_suppression_view(entry.alarm, state))
    return shown


def child_view(entry: Entry, arn_prefix: str) -> dict[str, Any]:
    """Return an alarm as a child: ARN, name and state."""
    return {
        **parent_view(entry, arn_prefix),
        "StateUpdatedTimestamp": utc(entry.state.updated_ms),
        "StateValue": entry.state.state.value,
    }


def parent_view(entry: Entry, arn_prefix: str) -> dict[str, Any]:
    """Return an alarm as a parent: ARN and name."""
    return {"AlarmArn": f"{arn_prefix}{entry.name}", "AlarmName": entry.name}


def history_view(item: HistoryItem) -> dict[str, Any]:
    """Return one history item."""
    shown: dict[str, Any] = {
        "AlarmName": item.alarm,
        "AlarmType": item.kind.value,
        "HistoryData": item.data,
        "HistoryItemType": item.type.value,
        "HistorySummary": item.summary,
        "Timestamp": utc(item.at_ms),
    }
    if item.contributor:
        shown["AlarmContributorId"] = item.contributor
        shown["AlarmContributorAttributes"] = item.attributes
    return shown


def contributor_view(state: MetricAlarmState, contributor: ContributorState) -> dict[str, Any]:
    """Return one contributor of an alarm."""
    return {
        "ContributorAttributes": attributes_of(state, contributor),
        "ContributorId": contributor.id,
        "StateReason": contributor.reason,
        "StateTransitionedTimestamp": utc(contributor.transitioned_ms),
    }


def _suppression_view(alarm: CompositeAlarm, state: MetricAlarmState) -> Mapping[str, Any]:
    if alarm.suppressor is None or state.suppression is None:
        return {}
    words = suppression_words(state.suppression, alarm.suppressor)
    if not words:
        return {}
    hold = state.suppression.hold.value
    return {"ActionsSuppressedBy": hold, "ActionsSuppressedReason": words}
