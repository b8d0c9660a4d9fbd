"""All tracked alarms of one partition, by detector and subject, and as plain data in a snapshot.

Law: an alarm that a new one would equal is forgotten; at most ``limit`` are kept, whatever the logs
contain.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from detector.core.vocabulary import AlarmState
from detector.detection.alarms import alarm_id_of
from detector.detection.findings import Contributor
from detector.detection.tracked_alarm import AlarmKey, TrackedAlarm

SCHEMA: Final = 1


class AlarmStore:
    """Tracked alarms by detector and subject, then by contributor; at most ``limit`` of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: dict[AlarmKey, dict[Contributor, TrackedAlarm]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def tracked(self) -> tuple[AlarmKey, ...]:
        """Return the detectors and subjects with a tracked alarm, in order."""
        return tuple(sorted(self._entries))

    def entry(self, key: AlarmKey) -> Mapping[Contributor, TrackedAlarm]:
        """Return the alarms of one detector and subject."""
        return self._entries.get(key, {})

    def raised(self) -> dict[str, set[str]]:
        """Return the ids of the alarms in state ``alarm``, by detector."""
        found: dict[str, set[str]] = {}
        for (detector, subject), entry in self._entries.items():
            for contributor, alarm in entry.items():
                if alarm.state is AlarmState.ALARM:
                    alarm_id = alarm_id_of(detector, subject, contributor)
                    found.setdefault(detector, set()).add(alarm_id)
        return found

    def put(self, key: AlarmKey, contributor: Contributor, alarm: TrackedAlarm) -> None:
        """Keep ``alarm``, or forget the contributor when there is nothing to remember."""
        self.drop(key, contributor)
        if not alarm.is_forgettable:
            self._entries.setdefault(key, {})[contributor] = alarm
            self._count += 1

    def drop(self, key: AlarmKey, contributor: Contributor) -> None:
        """Forget one contributor, if it is tracked."""
        entry = self._entries.get(key, {})
        if entry.pop(contributor, None) is not None:
            self._count -= 1
        if not entry:
            self._entries.pop(key, None)

    def make_space(self) -> bool:
        """Return whether one more can be tracked; drop the oldest that lacks data if necessary."""
        if self._count >= self._limit:
            idle = next(self._lacking_data(), None)
            if idle is not None:
                self.drop(*idle)
        return self._count < self._limit

    def update(self, change: Callable[[AlarmKey, TrackedAlarm], TrackedAlarm]) -> None:
        """Replace every alarm in place."""
        for key, entry in self._entries.items():
            for contributor, alarm in entry.items():
                entry[contributor] = change(key, alarm)

    def snapshot(self) -> list[list[Any]]:
        """Return everything as rows of plain values."""
        return [
            [*key, list(contributor), *alarm.row()]
            for key, entry in self._entries.items()
            for contributor, alarm in entry.items()
        ]

    def restore(self, rows: list[list[Any]]) -> None:
        """Replace everything by the rows of a snapshot."""
        self._entries, self._count = {}, 0
        for detector, subject, contributor, *row in rows:
            self.put((detector, subject), tuple(contributor), TrackedAlarm.from_row(row))

    def _lacking_data(self) -> Iterator[tuple[AlarmKey, Contributor]]:
        for key, entry in self._entries.items():
            for contributor, alarm in entry.items():
                if alarm.state is AlarmState.INSUFFICIENT_DATA:
                    yield key, contributor
