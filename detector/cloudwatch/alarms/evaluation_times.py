"""When an alarm is evaluated, and over which periods.

Law: both depend on the alarm and the instant alone. Instants are multiples of ten seconds of event
time for periods under a minute, and whole minutes otherwise. A sliding range ends at the instant; a
wall-clock range ends at the last boundary of its period in its time zone, so it covers whole
periods only. Days and weeks have the length of the calendar (a day has 23 to 25 hours).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
WEEK_MS: Final = 7 * DAY_MS
SHORT_STEP_MS: Final = 10_000
SHORT_PERIODS: Final = (10, 20, 30)
WALL_CLOCK_PERIODS: Final = (60, 300, 3_600, 86_400, 604_800)
_OFFSET: Final = re.compile(r"(?:UTC)?([+-])(\d\d):(\d\d)")
_OFFSET_STEP_MINUTES: Final = 5


def zone_of(text: str) -> tzinfo:
    """Return the zone of an IANA name, ``+05:30`` or ``UTC+05:30``; ``ValueError`` if none."""
    offset = _OFFSET.fullmatch(text)
    if offset is not None:
        minutes = int(offset[2]) * 60 + int(offset[3])
        if minutes % _OFFSET_STEP_MINUTES or minutes >= DAY_MS // MINUTE_MS:
            raise ValueError(f"{text!r} is no offset of whole five minutes under a day")
        return timezone(timedelta(minutes=minutes if offset[1] == "+" else -minutes))
    try:
        return ZoneInfo(text)
    except (OSError, ValueError, LookupError):
        # zoneinfo raises a different error for each kind of invalid name.
        raise ValueError(f"{text!r} is no time zone") from None


@dataclass(frozen=True, slots=True)
class EvaluationTimes:
    """Length and number of the periods of a range; ``zone`` is ``None`` for a sliding range.

    ``period_ms`` is 10, 20, 30 or a multiple of 60 seconds; with a zone, one of
    ``WALL_CLOCK_PERIODS``. ``periods`` >= 1.
    """

    period_ms: int
    periods: int
    zone: tzinfo | None = None

    @property
    def step_ms(self) -> int:
        """Time between two evaluations."""
        return step_of(self.period_ms)

    def is_due(self, at_ms: int) -> bool:
        """Return whether the alarm is evaluated at ``at_ms``."""
        return at_ms % self.step_ms == 0

    def boundaries(self, at_ms: int) -> list[int]:
        """Return the ``periods + 1`` boundaries of the range's periods, oldest first.

        They are equally far apart unless the range follows a calendar.
        """
        if self.zone is None:
            first = at_ms - self.periods * self.period_ms
            return list(range(first, at_ms + 1, self.period_ms))
        return [*self._wall_clock(at_ms, self.zone)][::-1]

    def _wall_clock(self, at_ms: int, zone: tzinfo) -> Iterator[int]:
        boundary = wall_clock_floor(at_ms, self.period_ms, zone)
        yield boundary
        for _ in range(self.periods):
            boundary = wall_clock_floor(boundary - 1, self.period_ms, zone)
            yield boundary


def step_of(period_ms: int) -> int:
    """Return the time between two evaluations of an alarm with this period."""
    return SHORT_STEP_MS if period_ms < MINUTE_MS else MINUTE_MS


def wall_clock_floor(at_ms: int, period_ms: int, zone: tzinfo) -> int:
    """Return the last boundary at or before ``at_ms``; weeks begin on Monday (ISO 8601)."""
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
    if period_ms <= HOUR_MS:
        offset_ms = int((local.utcoffset() or timedelta()).total_seconds() * 1000)
        return at_ms - (at_ms + offset_ms) % period_ms
    day = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if period_ms == WEEK_MS:
        # Subtract calendar days, not hours: the UTC offset may differ on Monday.
        day -= timedelta(days=day.weekday())
    return int(day.timestamp()) * 1000
