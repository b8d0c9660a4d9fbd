"""Alarms, history and contributors as CloudWatch's API shows them."""

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


def moment(at_ms: int) -> datetime:
    """Return epoch milliseconds as the API carries moments."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def alarm_view(entry: Entry, arn_prefix: str) -> dict[str, Any]:
    """Return everything about an alarm: what was put, and how it stands."""
    record, standing = entry.record, entry.state
    shown: dict[str, Any] = {
        **{name: [] for name in ACTION_LISTS},
        **record.members,
        "ActionsEnabled": record.members.get("ActionsEnabled", True),
        "AlarmArn": f"{arn_prefix}{entry.name}",
        "AlarmConfigurationUpdatedTimestamp": moment(record.updated_ms),
        "StateReason": standing.reason,
        "StateTransitionedTimestamp": moment(standing.transitioned_ms),
        "StateUpdatedTimestamp": moment(standing.updated_ms),
        "StateValue": standing.state.value,
    }
    if standing.reason_data:
        shown["StateReasonData"] = standing.reason_data
    if standing.evaluation_state and record.kind is AlarmKind.METRIC:
        shown["EvaluationState"] = standing.evaluation_state
    if "MetricName" in shown:
        shown.setdefault("Dimensions", [])
    if isinstance(entry.alarm, CompositeAlarm):
        shown.update(_suppression_view(entry.alarm, standing))
    return shown


def child_view(entry: Entry, arn_prefix: str) -> dict[str, Any]:
    """Return what is told of an alarm that is asked for as somebody's child."""
    return {
        **parent_view(entry, arn_prefix),
        "StateUpdatedTimestamp": moment(entry.state.updated_ms),
        "StateValue": entry.state.state.value,
    }


def parent_view(entry: Entry, arn_prefix: str) -> dict[str, Any]:
    """Return what is told of an alarm that is asked for as somebody's parent."""
    return {"AlarmArn": f"{arn_prefix}{entry.name}", "AlarmName": entry.name}


def history_view(item: HistoryItem) -> dict[str, Any]:
    """Return one history item."""
    shown: dict[str, Any] = {
        "AlarmName": item.alarm,
        "AlarmType": item.kind.value,
        "HistoryData": item.data,
        "HistoryItemType": item.type.value,
        "HistorySummary": item.summary,
        "Timestamp": moment(item.at_ms),
    }
    if item.contributor:
        shown["AlarmContributorId"] = item.contributor
        shown["AlarmContributorAttributes"] = item.attributes
    return shown


def contributor_view(standing: MetricAlarmState, contributor: ContributorState) -> dict[str, Any]:
    """Return one contributor of an alarm."""
    return {
        "ContributorAttributes": attributes_of(standing, contributor),
        "ContributorId": contributor.id,
        "StateReason": contributor.reason,
        "StateTransitionedTimestamp": moment(contributor.transitioned_ms),
    }


def _suppression_view(alarm: CompositeAlarm, standing: MetricAlarmState) -> Mapping[str, Any]:
    if alarm.suppressor is None or standing.suppression is None:
        return {}
    words = suppression_words(standing.suppression, alarm.suppressor)
    if not words:
        return {}
    hold = standing.suppression.hold.value
    return {"ActionsSuppressedBy": hold, "ActionsSuppressedReason": words}
