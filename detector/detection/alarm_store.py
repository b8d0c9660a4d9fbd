"""All standings that are followed, by detector and subject, as plain data between two lives.

Law: a standing that a new one would equal is forgotten; at most ``limit`` are kept, whatever the
logs say.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from detector.core.vocabulary import AlarmState
from detector.detection.alarms import Target, alarm_id_of
from detector.detection.findings import Contributor
from detector.detection.state_machine import Standing, WindowResult

SCHEMA: Final = 1
_VERDICT_BY_LETTER: Final = {verdict.value[0]: verdict for verdict in WindowResult}


@dataclass(frozen=True, slots=True)
class TrackedAlarm:
    """One standing, whether the confirming test agreed last, its target and its rule's version.

    ``told_ms``: end of the window with which its alarm was told last. ``frozen``: a wider cause
    held it back in the last window that said anything.
    """

    standing: Standing = field(default_factory=Standing)
    confirmed: bool = False
    target: Target | None = None
    version: str = ""
    told_ms: int = 0
    frozen: bool = False


AlarmKey = tuple[str, str]
"""Detector and subject."""


class AlarmStore:
    """Standings by detector and subject, then by contributor; at most ``limit`` of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pages: dict[AlarmKey, dict[Contributor, TrackedAlarm]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def places(self) -> tuple[AlarmKey, ...]:
        """Return where something is followed, in order."""
        return tuple(sorted(self._pages))

    def page(self, place: AlarmKey) -> Mapping[Contributor, TrackedAlarm]:
        """Return what is followed at ``place``."""
        return self._pages.get(place, {})

    def raised(self) -> dict[str, set[str]]:
        """Return the ids of the alarms that are raised, by detector."""
        found: dict[str, set[str]] = {}
        for (detector, subject), page in self._pages.items():
            for contributor, followed in page.items():
                if followed.standing.state is AlarmState.ALARM:
                    alarm_id = alarm_id_of(detector, subject, contributor)
                    found.setdefault(detector, set()).add(alarm_id)
        return found

    def put(self, place: AlarmKey, contributor: Contributor, followed: TrackedAlarm) -> None:
        """Keep ``followed``, or forget the contributor when there is nothing to remember."""
        self.drop(place, contributor)
        if not followed.standing.is_forgettable:
            self._pages.setdefault(place, {})[contributor] = followed
            self._count += 1

    def drop(self, place: AlarmKey, contributor: Contributor) -> None:
        """Forget one contributor, if it was followed."""
        page = self._pages.get(place, {})
        if page.pop(contributor, None) is not None:
            self._count -= 1
        if not page:
            self._pages.pop(place, None)

    def has_room(self) -> bool:
        """Say whether one more can be followed; the oldest that only lacks data makes room."""
        if self._count >= self._limit:
            idle = next(self._lacking_data(), None)
            if idle is not None:
                self.drop(*idle)
        return self._count < self._limit

    def update(self, change: Callable[[AlarmKey, Standing], Standing]) -> None:
        """Change every standing in place."""
        for place, page in self._pages.items():
            for contributor, followed in page.items():
                page[contributor] = replace(followed, standing=change(place, followed.standing))

    def snapshot(self) -> list[list[Any]]:
        """Return everything as lists of plain values."""
        return [
            [
                *place,
                list(contributor),
                followed.standing.state.value,
                "".join(verdict.value[0] for verdict in followed.standing.verdicts),
                followed.confirmed,
                followed.version,
                _plain(followed.target),
                followed.told_ms,
                followed.frozen,
            ]
            for place, page in self._pages.items()
            for contributor, followed in page.items()
        ]

    def restore(self, rows: list[list[Any]]) -> None:
        """Take over what ``snapshot`` gave."""
        self._pages, self._count = {}, 0
        for row in rows:
            # Rows of earlier releases end before what is only there since.
            detector, subject, contributor, state, letters, confirmed, version, aim, told = row[:9]
            standing = Standing(
                AlarmState(state), tuple(_VERDICT_BY_LETTER[letter] for letter in letters)
            )
            target = Target(*aim) if aim else None
            followed = TrackedAlarm(standing, confirmed, target, version, told, row[9:] == [True])
            self.put((detector, subject), tuple(contributor), followed)

    def _lacking_data(self) -> Iterator[tuple[AlarmKey, Contributor]]:
        for place, page in self._pages.items():
            for contributor, followed in page.items():
                if followed.standing.state is AlarmState.INSUFFICIENT_DATA:
                    yield place, contributor


def _plain(target: Target | None) -> list[str] | None:
    if target is None:
        return None
    return [target.service, target.zone, target.zone_id, target.zone_name, target.host]
