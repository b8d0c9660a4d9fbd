"""Operations that read alarms: DescribeAlarms, DescribeAlarmsForMetric, history, contributors."""

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

PAGE_SIZE = 50
MAX_PAGE_SIZE = 100
TYPES = (*AlarmKind, "LogAlarm")
KEY_BY_KIND = {AlarmKind.METRIC: "MetricAlarms", AlarmKind.COMPOSITE: "CompositeAlarms"}
RELATIONS = ("ChildrenOfAlarmName", "ParentsOfAlarmName")
FILTERS = (
    *("AlarmNames", "AlarmNamePrefix", "AlarmTypes", "StateValue", "ActionPrefix"),
    *RELATIONS,
)


class AlarmReads:
    """The reads on one service; each sees a consistent state of the store."""

    def __init__(self, alarms: MetricAlarms) -> None:
        self._alarms = alarms
        self._store = alarms.store
        self._prefix = alarms.settings.evaluation.arn_prefix

    async def describe_alarms(self, members: Members) -> Members:
        """Return alarms by name, prefix, type, state, action, parent or child, in pages by name."""
        errors = ValidationErrors(members)
        relation = [name for name in RELATIONS if errors.has(name)]
        if relation:
            others = [name for name in FILTERS if name != relation[0]]
            errors.refuse_members(others, f"beside {relation[0]}")
        if errors.has("AlarmNames"):
            errors.refuse_members(["AlarmNamePrefix"], "beside AlarmNames")
        errors.items("AlarmNames", high=MAX_PAGE_SIZE)
        kinds = self._kinds(errors, default=(AlarmKind.METRIC,))
        errors.raise_if_invalid()
        if relation:
            found = self._related(relation[0], str(members[relation[0]]))
        else:
            found = [entry for entry in self._selected(members) if entry.record.kind in kinds]
        entries, token = page(members, found, lambda entry: entry.name, length=PAGE_SIZE)
        view = {RELATIONS[0]: child_view, RELATIONS[1]: parent_view}.get(
            "".join(relation), alarm_view
        )
        answer: dict[str, Any] = {key: [] for key in KEY_BY_KIND.values()} | token
        for entry in entries:
            answer[KEY_BY_KIND[entry.record.kind]].append(view(entry, self._prefix))
        return answer

    async def describe_alarms_for_metric(self, members: Members) -> Members:
        """Return the alarms on a named metric; metrics inside expressions are not searched."""
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
                for entry in self._store.of_kind(AlarmKind.METRIC)
                if wanted.items() <= _scalars(entry).items()
                and _dimensions(entry.record.members) == dimensions
            ]
        }

    async def describe_alarm_history(self, members: Members) -> Members:
        """Return history items, newest first unless the request says otherwise."""
        errors = ValidationErrors(members)
        name = errors.text("AlarmName", low=1, high=255)
        kinds = self._kinds(errors, default=tuple(AlarmKind) if name else (AlarmKind.METRIC,))
        item_type = ""
        if errors.has("HistoryItemType"):
            item_type = errors.choice("HistoryItemType", ItemType)
        scan = errors.choice(
            "ScanBy", ("TimestampDescending", "TimestampAscending"), default="TimestampDescending"
        )
        start, end = (_milliseconds(members.get(each)) for each in ("StartDate", "EndDate"))
        errors.raise_if_invalid()
        sign = 1 if scan == "TimestampAscending" else -1
        contributor = members.get("AlarmContributorId")
        everything = self._alarms.items()
        positions = {item.id: position for position, item in enumerate(everything)}
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
            return [sign * item.at_ms, sign * positions[item.id]]

        found.sort(key=order)
        items, token = page(members, found, order, length=MAX_PAGE_SIZE)
        return {"AlarmHistoryItems": [history_view(item) for item in items], **token}

    async def describe_alarm_contributors(self, members: Members) -> Members:
        """Return the contributors of an alarm that are in ALARM."""
        name = str(members.get("AlarmName"))
        entry = self._store.entries.get(name)
        if entry is None:
            refuse(f"there is no alarm {shown(name)}", "ResourceNotFoundException")
        found = [each for each in entry.state.contributors if each.state is StateValue.ALARM]
        found.sort(key=lambda each: each.id)
        contributors, token = page(members, found, lambda each: each.id, length=MAX_PAGE_SIZE)
        shown_all = [contributor_view(entry.state, each) for each in contributors]
        return {"AlarmContributors": shown_all, **token}

    def _kinds(self, errors: ValidationErrors, default: Sequence[AlarmKind]) -> set[str]:
        types = [str(each) for each in errors.items("AlarmTypes", high=len(TYPES))]
        for each in types:
            if each not in TYPES:
                errors.add(f"AlarmTypes has {shown(each)}, expected {', '.join(TYPES)}")
        return set(types or default)

    def _related(self, member: str, reference: str) -> list[Entry]:
        name = name_of(reference)
        entries = self._store.entries
        if member == RELATIONS[1]:
            names: Iterable[str] = self._store.graph.parents(name)
        else:
            alarm = entries[name].alarm if name in entries else None
            names = alarm.rule.children if isinstance(alarm, CompositeAlarm) else ()
        return [entries[each] for each in sorted(names) if each in entries]

    def _selected(self, members: Members) -> list[Entry]:
        entries = self._store.entries
        names = members.get("AlarmNames")
        prefix, state = members.get("AlarmNamePrefix"), members.get("StateValue")
        action = members.get("ActionPrefix")
        found = entries if not names else [name for name in set(names) if name in entries]
        return [
            entries[name]
            for name in sorted(found)
            if (not prefix or name.startswith(prefix))
            and (not state or entries[name].state.state == state)
            and (not action or _has_action(entries[name], action))
        ]


def _has_action(entry: Entry, prefix: str) -> bool:
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
