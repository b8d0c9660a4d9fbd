"""The tracked alarms of one partition, by detector and subject.

Law: an alarm that a new one would equal is dropped, and at most ``limit`` are kept whatever the
logs say.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from detector.core.vocabulary import AlarmState
from detector.detection.findings import Contributor
from detector.detection.tracked_alarm import AlarmKey, TrackedAlarm


class AlarmStore:
    """Tracked alarms by detector and subject, then by contributor; at most ``limit`` of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._alarms: dict[AlarmKey, dict[Contributor, TrackedAlarm]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def alarm_keys(self) -> tuple[AlarmKey, ...]:
        """Return the detectors and subjects that have alarms, sorted."""
        return tuple(sorted(self._alarms))

    def alarms(self, key: AlarmKey) -> Mapping[Contributor, TrackedAlarm]:
        """Return the alarms of one detector and subject."""
        return self._alarms.get(key, {})

    def raised(self) -> dict[str, set[str]]:
        """Return the ids of the alarms in state ``alarm``, by detector."""
        found: dict[str, set[str]] = {}
        for alarms in self._alarms.values():
            for alarm in alarms.values():
                if alarm.state is AlarmState.ALARM:
                    found.setdefault(alarm.detector, set()).add(alarm.alarm_id)
        return found

    def put(self, alarm: TrackedAlarm) -> None:
        """Keep ``alarm`` as the newest, or drop it when it is forgettable."""
        self.drop(alarm)
        if not alarm.is_forgettable:
            self._alarms.setdefault(alarm.key, {})[alarm.contributor] = alarm
            self._count += 1

    def drop(self, alarm: TrackedAlarm) -> None:
        """Drop the alarm of this detector, subject and contributor, if there is one."""
        alarms = self._alarms.get(alarm.key, {})
        if alarms.pop(alarm.contributor, None) is not None:
            self._count -= 1
        if not alarms:
            self._alarms.pop(alarm.key, None)

    def make_room(self) -> bool:
        """Say whether one more alarm fits; a full store drops its oldest that only lacks data."""
        if self._count >= self._limit:
            idle = next(self._lacking_data(), None)
            if idle is not None:
                self.drop(idle)
        return self._count < self._limit

    def update(self, change: Callable[[TrackedAlarm], TrackedAlarm]) -> None:
        """Replace every alarm by ``change`` of it; their order stays."""
        for alarms in self._alarms.values():
            for contributor, alarm in alarms.items():
                alarms[contributor] = change(alarm)

    def snapshot(self) -> list[list[Any]]:
        """Return all alarms as lists of plain values, oldest first."""
        return [alarm.row() for alarms in self._alarms.values() for alarm in alarms.values()]

    def restore(self, rows: list[list[Any]]) -> None:
        """Replace all alarms by those of a ``snapshot``."""
        self._alarms, self._count = {}, 0
        for row in rows:
            self.put(TrackedAlarm.from_row(row))

    def _lacking_data(self) -> Iterator[TrackedAlarm]:
        for alarms in self._alarms.values():
            for alarm in alarms.values():
                if alarm.state is AlarmState.INSUFFICIENT_DATA:
                    yield alarm
