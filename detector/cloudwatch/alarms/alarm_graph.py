"""The graph of composite alarms: limits, cycles, and the order of evaluation.

Edges lead from a composite alarm to the alarms of its rule and to its suppressor. Law: an order
lists every composite alarm after the alarms that it names; an alarm on a cycle, or above one,
cannot be evaluated, is not listed and keeps its state.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from detector.cloudwatch.alarms.alarm_model import CompositeAlarm
from detector.cloudwatch.alarms.validation import LIMIT_EXCEEDED, refuse, shown

PARENTS: Final = 150


def named_by(alarm: CompositeAlarm) -> tuple[str, ...]:
    """Return the alarms whose states a composite alarm reads."""
    if alarm.suppressor is None:
        return alarm.rule.children
    return tuple(dict.fromkeys((*alarm.rule.children, alarm.suppressor.alarm)))


class AlarmGraph:
    """The composite alarms by name, with their children and parents."""

    def __init__(self) -> None:
        self._below: dict[str, tuple[str, ...]] = {}
        self._above: dict[str, set[str]] = {}
        self._unordered: set[str] | None = None

    def put(self, alarm: CompositeAlarm) -> None:
        """Add or replace one composite alarm."""
        self.drop(alarm.name)
        self._below[alarm.name] = named_by(alarm)
        for child in self._below[alarm.name]:
            self._above.setdefault(child, set()).add(alarm.name)

    def drop(self, name: str) -> None:
        """Remove one composite alarm, if it is there."""
        self._unordered = None
        for child in self._below.pop(name, ()):
            parents = self._above[child]
            parents.discard(name)
            if not parents:
                del self._above[child]

    def parents(self, name: str) -> list[str]:
        """Return the composite alarms that name an alarm, sorted."""
        return sorted(self._above.get(name, ()))

    def check(self, alarm: CompositeAlarm, known: Mapping[str, object]) -> None:
        """Refuse an alarm that names a missing alarm, closes a cycle or exceeds a limit."""
        lacking = [name for name in named_by(alarm) if name not in known and name != alarm.name]
        if lacking:
            names = ", ".join(map(shown, dict.fromkeys(lacking)))
            refuse(f"AlarmRule or ActionsSuppressor names {names}, expected alarms that exist")
        cycle = self._cycle(alarm)
        if cycle:
            refuse(
                f"AlarmRule closes the cycle {' -> '.join(map(shown, cycle))}, expected none: "
                "change the rule of one of them to FALSE first"
            )
        for child in alarm.rule.children:
            parents = self._above.get(child, set()) - {alarm.name}
            if len(parents) >= PARENTS:
                refuse(
                    f"alarm {shown(child)} is in {len(parents)} composite alarms, "
                    f"expected at most {PARENTS}",
                    LIMIT_EXCEEDED,
                )

    def order(self, names: Iterable[str]) -> list[str]:
        """Return the composite alarms among ``names`` and all above them, children first."""
        start = {name for name in names if name in self._below}
        return self._ordered((self._above_all(names) | start) - self.on_a_cycle())

    def on_a_cycle(self) -> set[str]:
        """Return the composite alarms that cannot be evaluated: on a cycle or above one."""
        if self._unordered is None:
            self._unordered = set(self._below) - set(self._ordered(set(self._below)))
        return self._unordered

    def _above_all(self, names: Iterable[str]) -> set[str]:
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            for parent in self._above.get(waiting.pop(), ()):
                if parent not in found:
                    found.add(parent)
                    waiting.append(parent)
        return found

    def _ordered(self, affected: set[str]) -> list[str]:
        missing = {name: sum(child in affected for child in self._below[name]) for name in affected}
        ready = sorted((name for name, count in missing.items() if count == 0), reverse=True)
        ordered = []
        while ready:
            name = ready.pop()
            ordered.append(name)
            for parent in sorted(self._above.get(name, set()) & affected, reverse=True):
                missing[parent] -= 1
                if missing[parent] == 0:
                    ready.append(parent)
        return ordered

    def _cycle(self, alarm: CompositeAlarm) -> list[str]:
        """Return the path from ``alarm`` down to itself if it were put; empty for none."""
        paths: dict[str, list[str]] = {}
        waiting = [(child, [alarm.name, child]) for child in named_by(alarm)]
        while waiting:
            name, path = waiting.pop()
            if name == alarm.name:
                return path
            if name in paths:
                continue
            paths[name] = path
            waiting += [(child, [*path, child]) for child in self._below.get(name, ())]
        return []
