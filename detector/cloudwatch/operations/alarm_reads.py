"""What shows alarms: DescribeAlarms, DescribeAlarmsForMetric, history and contributors."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from detector.cloudwatch.alarms.alarm_history import HistoryItem, ItemType
from detector.cloudwatch.alarms.alarm_model import AlarmKind, CompositeAlarm
from detector.cloudwatch.alarms.alarm_store import Entry
from detector.cloudwatch.alarms.composite_rule import name_of
from detector.cloudwatch.alarms.m_of_n import StateValue
from detector.cloudwatch.alarms.requests import ACTION_LISTS
from detector.cloudwatch.alarms.service import MetricAlarms
from detector.cloudwatch.alarms.validation import ValidationErrors, refuse, shown
from detector.cloudwatch.operations.alarm_pages import page
from detector.cloudwatch.operations.alarm_views import (
    alarm_view,
    child_view,
    contributor_view,
    history_view,
    parent_view,
)
from detector.cloudwatch.operations.contract import Members

PAGE = 50
LONGEST_PAGE = 100
TYPES = (*AlarmKind, "LogAlarm")
KEY_BY_KIND = {AlarmKind.METRIC: "MetricAlarms", AlarmKind.COMPOSITE: "CompositeAlarms"}
FAMILY = ("ChildrenOfAlarmName", "ParentsOfAlarmName")
FILTERS = (
    *("AlarmNames", "AlarmNamePrefix", "AlarmTypes", "StateValue", "ActionPrefix"),
    *FAMILY,
)


class AlarmReads:
    """The reads over one service; every read sees one moment of the book."""

    def __init__(self, alarms: MetricAlarms) -> None:
        self._alarms = alarms
        self._book = alarms.store
        self._prefix = alarms.settings.evaluation.arn_prefix

    async def describe_alarms(self, members: Members) -> Members:
        """Show alarms by name, prefix, type, state, action or family, in pages by name."""
        complaints = ValidationErrors(members)
        family = [name for name in FAMILY if complaints.has(name)]
        if family:
            others = [name for name in FILTERS if name != family[0]]
            complaints.refuse_members(others, f"beside {family[0]}")
        if complaints.has("AlarmNames"):
            complaints.refuse_members(["AlarmNamePrefix"], "beside AlarmNames")
        complaints.items("AlarmNames", high=LONGEST_PAGE)
        kinds = self._kinds(complaints, default=(AlarmKind.METRIC,))
        complaints.raise_if_invalid()
        if family:
            found = self._family(family[0], str(members[family[0]]))
        else:
            found = [entry for entry in self._chosen(members) if entry.record.kind in kinds]
        entries, token = page(members, found, lambda entry: entry.name, length=PAGE)
        view = {FAMILY[0]: child_view, FAMILY[1]: parent_view}.get("".join(family), alarm_view)
        answer: dict[str, Any] = {key: [] for key in KEY_BY_KIND.values()} | token
        for entry in entries:
            answer[KEY_BY_KIND[entry.record.kind]].append(view(entry, self._prefix))
        return answer

    async def describe_alarms_for_metric(self, members: Members) -> Members:
        """Show the alarms that watch a metric by its name; expressions are not looked into."""
        wanted = {
            name: members[name]
            for name in ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period")
            if members.get(name) is not None
        }
        if members.get("Unit") is not None:
            wanted["Unit"] = members["Unit"]
        dimensions = _dimensions(members)
        return {
            "MetricAlarms": [
                alarm_view(entry, self._prefix)
                for entry in self._book.of_kind(AlarmKind.METRIC)
                if wanted.items() <= _scalars(entry).items()
                and _dimensions(entry.record.members) == dimensions
            ]
        }

    async def describe_alarm_history(self, members: Members) -> Members:
        """Show what happened, newest first unless asked otherwise."""
        complaints = ValidationErrors(members)
        name = complaints.text("AlarmName", low=1, high=255)
        kinds = self._kinds(complaints, default=tuple(AlarmKind) if name else (AlarmKind.METRIC,))
        item_type = ""
        if complaints.has("HistoryItemType"):
            item_type = complaints.choice("HistoryItemType", ItemType)
        scan = complaints.choice(
            "ScanBy", ("TimestampDescending", "TimestampAscending"), default="TimestampDescending"
        )
        start, end = (_milliseconds(members.get(each)) for each in ("StartDate", "EndDate"))
        complaints.raise_if_invalid()
        sign = 1 if scan == "TimestampAscending" else -1
        contributor = members.get("AlarmContributorId")
        everything = self._alarms.items()
        places = {item.id: place for place, item in enumerate(everything)}
        found = [
            item
            for item in everything
            if (not name or item.alarm == name)
            and item.kind in kinds
            and (not item_type or item.type == item_type)
            and (contributor is None or item.contributor == contributor)
            and (start is None or item.at_ms >= start)
            and (end is None or item.at_ms <= end)
        ]

        def order(item: HistoryItem) -> list[int]:
            return [sign * item.at_ms, sign * places[item.id]]

        found.sort(key=order)
        items, token = page(members, found, order, length=LONGEST_PAGE)
        return {"AlarmHistoryItems": [history_view(item) for item in items], **token}

    async def describe_alarm_contributors(self, members: Members) -> Members:
        """Show the contributors of an alarm that are in ALARM."""
        name = str(members.get("AlarmName"))
        entry = self._book.entries.get(name)
        if entry is None:
            refuse(f"there is no alarm {shown(name)}", "ResourceNotFoundException")
        found = [each for each in entry.state.contributors if each.state is StateValue.ALARM]
        found.sort(key=lambda each: each.id)
        contributors, token = page(members, found, lambda each: each.id, length=LONGEST_PAGE)
        shown_all = [contributor_view(entry.state, each) for each in contributors]
        return {"AlarmContributors": shown_all, **token}

    def _kinds(self, complaints: ValidationErrors, default: Sequence[AlarmKind]) -> set[str]:
        asked = [str(each) for each in complaints.items("AlarmTypes", high=len(TYPES))]
        for each in asked:
            if each not in TYPES:
                complaints.add(f"AlarmTypes has {shown(each)}, expected {', '.join(TYPES)}")
        return set(asked or default)

    def _family(self, member: str, reference: str) -> list[Entry]:
        name = name_of(reference)
        entries = self._book.entries
        if member == FAMILY[1]:
            names: Iterable[str] = self._book.graph.parents(name)
        else:
            alarm = entries[name].alarm if name in entries else None
            names = alarm.rule.children if isinstance(alarm, CompositeAlarm) else ()
        return [entries[each] for each in sorted(names) if each in entries]

    def _chosen(self, members: Members) -> list[Entry]:
        entries = self._book.entries
        names = members.get("AlarmNames")
        prefix, state = members.get("AlarmNamePrefix"), members.get("StateValue")
        action = members.get("ActionPrefix")
        found = entries if not names else [name for name in set(names) if name in entries]
        return [
            entries[name]
            for name in sorted(found)
            if (not prefix or name.startswith(prefix))
            and (not state or entries[name].state.state == state)
            and (not action or _acts_on(entries[name], action))
        ]


def _acts_on(entry: Entry, prefix: str) -> bool:
    lists = (entry.record.members.get(name, ()) for name in ACTION_LISTS)
    return any(target.startswith(prefix) for targets in lists for target in targets)


def _scalars(entry: Entry) -> dict[str, Any]:
    return {
        name: value
        for name, value in entry.record.members.items()
        if isinstance(value, str | int | float)
    }


def _dimensions(members: Members) -> set[tuple[str, str]]:
    return {(each["Name"], each["Value"]) for each in members.get("Dimensions") or ()}


def _milliseconds(value: object) -> int | None:
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else None
