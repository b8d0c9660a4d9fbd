"""The history of alarms, item by item, as it is published and shown.

Law: the id of an item is made of the alarm, the instant and what happened, so an item that is
published again after a crash has the same id; readers keep the first item of an id. The newest
items are kept, up to a limit and for at most two weeks.

Items of type ``Action`` and ``AlarmContributorAction`` are the notifications: a subscriber reads
them from the history topic and uses those whose ``actionState`` is ``Published``.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import msgspec

from detector.cloudwatch.alarms.alarm_model import Alarm, AlarmKind, kind_of
from detector.cloudwatch.alarms.alarm_state import (
    ContributorState,
    MetricAlarmState,
    cut,
)
from detector.cloudwatch.alarms.contributor_states import attributes_of
from detector.cloudwatch.alarms.evaluation_times import DAY_MS
from detector.cloudwatch.alarms.m_of_n import StateValue
from detector.cloudwatch.alarms.reasons import aws_time, encoded
from detector.core.safe_text import escape_controls

KEPT_MS: Final = 14 * DAY_MS
SCHEMA: Final = "detector.metric-alarm-history/1"
SUMMARY_CHARACTERS: Final = 255
DATA_CHARACTERS: Final = 4_095
_DIGEST: Final = 12
_REASON: Final = 700
"""Longest reason in ``data`` that also holds other members."""


class ItemType(StrEnum):
    """What an item reports, in CloudWatch's words."""

    CONFIGURATION = "ConfigurationUpdate"
    STATE = "StateUpdate"
    ACTION = "Action"
    CONTRIBUTOR_STATE = "AlarmContributorStateUpdate"
    CONTRIBUTOR_ACTION = "AlarmContributorAction"


class ActionState(StrEnum):
    """Whether an action was published for its subscribers, or muted."""

    PUBLISHED = "Published"
    MUTED = "Muted"


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One thing that happened to an alarm at ``at_ms``; ``data`` is JSON text."""

    id: str
    alarm: str
    kind: AlarmKind
    at_ms: int
    type: ItemType
    summary: str
    data: str
    contributor: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    schema: str = SCHEMA


def encode_item(item: HistoryItem) -> bytes:
    """Return an item as the history topic carries it."""
    return msgspec.json.encode(item)


def decode_item(raw: bytes) -> HistoryItem:
    """Read an item; ``msgspec.DecodeError`` when it is not one."""
    return msgspec.json.decode(raw, type=HistoryItem)


def configuration_item(
    name: str, kind: AlarmKind, what: str, members: dict[str, Any], at_ms: int
) -> HistoryItem:
    """Return the item for an alarm that was created, updated or deleted (``what``)."""
    document = {"version": "1.0", "type": what, "alarm": members}
    data = encoded(document)
    if len(data) > DATA_CHARACTERS:
        data = encoded({"version": "1.0", "type": what, "alarm": {"AlarmName": name}})
    digest = hashlib.sha256(encoded(document).encode()).hexdigest()[:_DIGEST]
    return HistoryItem(
        f"{name}|{at_ms}|{ItemType.CONFIGURATION}|{what}|{digest}",
        name,
        kind,
        at_ms,
        ItemType.CONFIGURATION,
        cut(f"Alarm {escape_controls(name)!r} {what}", SUMMARY_CHARACTERS),
        data,
    )


def state_item(
    alarm: Alarm, before: MetricAlarmState, after: MetricAlarmState, at_ms: int
) -> HistoryItem:
    """Return the item for an alarm that moved from one state to another."""
    # The last form always fits: a reason has no control characters that JSON would escape.
    forms = (
        encoded(
            {
                "version": "1.0",
                "oldState": _state_of(before, characters, numbers=numbers),
                "newState": _state_of(after, characters, numbers=numbers),
            }
        )
        for characters, numbers in ((DATA_CHARACTERS, True), (_REASON, True), (_REASON, False))
    )
    data = next(text for text in forms if len(text) <= DATA_CHARACTERS)
    return HistoryItem(
        f"{alarm.name}|{at_ms}|{ItemType.STATE}|{before.state}>{after.state}",
        alarm.name,
        kind_of(alarm),
        at_ms,
        ItemType.STATE,
        f"Alarm updated from {before.state} to {after.state}",
        data,
    )


def action_items(
    alarm: Alarm,
    alarm_state: MetricAlarmState,
    state: StateValue,
    *,
    context: "NotificationContext",
    at_ms: int,
) -> Iterator[HistoryItem]:
    """Yield an item per action of entering ``state``; none where actions are disabled."""
    yield from _actions(alarm, state, alarm_state.reason, context, at_ms, None, {})


def contributor_items(
    alarm: Alarm,
    alarm_state: MetricAlarmState,
    contributor: ContributorState,
    before: StateValue,
    at_ms: int,
) -> Iterator[HistoryItem]:
    """Yield the item for a contributor that moved from ``before`` to its state."""
    document = {
        "version": "1.0",
        "oldState": {"stateValue": before},
        "newState": {"stateValue": contributor.state, "stateReason": contributor.reason},
    }
    yield HistoryItem(
        f"{alarm.name}|{at_ms}|{ItemType.CONTRIBUTOR_STATE}|{contributor.id}|{contributor.state}",
        alarm.name,
        kind_of(alarm),
        at_ms,
        ItemType.CONTRIBUTOR_STATE,
        f"Alarm contributor updated from {before} to {contributor.state}",
        encoded(document),
        contributor.id,
        attributes_of(alarm_state, contributor),
    )


def contributor_action_items(
    alarm: Alarm,
    alarm_state: MetricAlarmState,
    contributor: ContributorState,
    *,
    context: "NotificationContext",
    at_ms: int,
) -> Iterator[HistoryItem]:
    """Yield an item per action of a contributor that entered its state."""
    attributes = attributes_of(alarm_state, contributor)
    yield from _actions(
        alarm, contributor.state, contributor.reason, context, at_ms, contributor.id, attributes
    )


@dataclass(frozen=True, slots=True)
class NotificationContext:
    """What goes with every action: the mute rule that mutes it, if any, and the tags."""

    muted_by: str = ""
    tags: dict[str, str] = field(default_factory=dict)


def _actions(
    alarm: Alarm,
    state: StateValue,
    reason: str,
    context: NotificationContext,
    at_ms: int,
    contributor: str | None,
    attributes: dict[str, str],
) -> Iterator[HistoryItem]:
    if not alarm.actions.enabled:
        return
    kind = ItemType.ACTION if contributor is None else ItemType.CONTRIBUTOR_ACTION
    action_state = ActionState.MUTED if context.muted_by else ActionState.PUBLISHED
    for index, target in enumerate(alarm.actions.of(state)):
        document: dict[str, Any] = {
            "version": "1.0",
            "actionState": action_state,
            "notificationResource": target,
            "stateUpdateTimestamp": aws_time(at_ms),
            "stateValue": state,
            "stateReason": cut(reason, _REASON),
        }
        if context.muted_by:
            document["mutedBy"] = context.muted_by
        data = encoded({**document, "tags": context.tags} if context.tags else document)
        if len(data) > DATA_CHARACTERS:
            data = encoded(document)
        verb = f"muted by rule {context.muted_by!r}" if context.muted_by else "published"
        yield HistoryItem(
            f"{alarm.name}|{at_ms}|{kind}|{contributor or ''}|{state}|{action_state}|{index}",
            alarm.name,
            kind_of(alarm),
            at_ms,
            kind,
            cut(f"Action {target} {verb}", SUMMARY_CHARACTERS),
            data,
            contributor or "",
            attributes,
        )


def _state_of(alarm_state: MetricAlarmState, characters: int, *, numbers: bool) -> dict[str, Any]:
    reason = cut(alarm_state.reason, characters)
    found: dict[str, Any] = {"stateValue": alarm_state.state, "stateReason": reason}
    if alarm_state.reason_data and numbers:
        found["stateReasonData"] = _numbers(alarm_state.reason_data)
    return found


def _numbers(text: str) -> Any:
    """Return JSON decoded; a text that a user set and that is not JSON stays text."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


class AlarmHistory:
    """The newest ``limit`` items of two weeks, in the order in which they were published."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: dict[str, HistoryItem] = {}
        self._oldest_ms = 0
        self.dropped = 0

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._items

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: HistoryItem) -> bool:
        """Keep an item unless its id is known; return whether it was new."""
        if item.id in self._items:
            return False
        self._items[item.id] = item
        if len(self._items) > self._limit:
            gone = self._items.pop(next(iter(self._items)))
            self._oldest_ms = max(self._oldest_ms, gone.at_ms + 1)
            self.dropped += 1
        return True

    def is_beyond(self, item: HistoryItem) -> bool:
        """Return whether an item is older than everything that is kept."""
        return item.at_ms < self._oldest_ms

    def forget(self, now_ms: int) -> None:
        """Drop the items that are older than two weeks."""
        self._oldest_ms = max(self._oldest_ms, now_ms - KEPT_MS)
        while self._items:
            oldest = next(iter(self._items.values()))
            if oldest.at_ms >= now_ms - KEPT_MS:
                return
            del self._items[oldest.id]

    def items(self) -> Iterator[HistoryItem]:
        """Return every item, in the order of publication."""
        return iter(self._items.values())
