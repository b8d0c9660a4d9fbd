"""The timeline of the demo as data: a gray host, then a degraded zone, then a second one.

Law: a script depends on the fleet's seed and the start time alone. It names three different zones,
so no alarm can be right for the wrong reason.

The times suit windows of 60 s that slide by 10 s and alarms that need three of five windows: an
alarm follows 30 to 55 s after the start of its fault. The gray host ends before the zone fault, as
if it had been replaced. The first zone ends before the second begins, as if its traffic had been
shifted: the zone test flags no zone while two are elevated, so the second zone's faults last until
the first zone's have left the window, and three windows more.
"""

from dataclasses import dataclass

import numpy as np

from detector.gameday.faults import GrayHost, GrayZone, InjectedFault, is_active
from detector.gameday.fleet import Fleet

_LEAST_ZONES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When each fault begins and ends, in seconds after the start of the script."""

    gray_from: float = 15.0
    gray_until: float = 75.0
    zone_from: float = 80.0
    zone_until: float = 130.0
    second_zone_from: float = 150.0
    second_zone_until: float = 255.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedBlame:
    """What a correct detector blames: a host, a zone, a second zone; zones by zone ID."""

    host: str
    host_zone: str
    zone: str
    second_zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A fault with its half-open interval in epoch ms; ``story`` describes it to the reader."""

    name: str
    story: str
    from_ms: int
    until_ms: int
    fault: InjectedFault


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Phases in time order; outside of them the fleet is healthy."""

    start_ms: int
    phases: tuple[Phase, ...]
    blamed: ExpectedBlame

    @classmethod
    def default(cls, fleet: Fleet, start_ms: int, timing: Timing | None = None) -> "Script":
        """Choose a host and two zones by the fleet's seed; ``ValueError`` below three zones.

        The host has at least mean traffic, so its faults are found early for every seed.
        """
        if len(fleet.zones) < _LEAST_ZONES:
            raise ValueError(
                f"fleet has {len(fleet.zones)} zones, expected at least {_LEAST_ZONES}: "
                "one for the gray host, one to degrade, one to degrade while the other is away"
            )
        timing = timing or Timing()
        chance = np.random.default_rng((fleet.seed, 0, 3))
        host_zone, zone, second_zone = (
            fleet.zones[number].zone_id
            for number in chance.permutation(len(fleet.zones))[:3].tolist()
        )
        mean = sum(host.weight for host in fleet.hosts) / len(fleet.hosts)
        ranked = sorted(
            (host for host in fleet.hosts if host.zone.zone_id == host_zone),
            key=lambda host: host.weight,
        )
        busy = [host.host_id for host in ranked if host.weight >= mean] or [ranked[-1].host_id]
        blamed = ExpectedBlame(
            host=busy[int(chance.integers(len(busy)))],
            host_zone=host_zone,
            zone=zone,
            second_zone=second_zone,
        )
        return cls(start_ms=start_ms, phases=_phases(blamed, start_ms, timing), blamed=blamed)

    @property
    def faults(self) -> tuple[InjectedFault, ...]:
        """All faults, each with its own interval, as ``Fleet.events`` expects them."""
        return tuple(phase.fault for phase in self.phases)

    @property
    def end_ms(self) -> int:
        """End of the last fault, in epoch milliseconds."""
        return max(phase.until_ms for phase in self.phases)

    def faults_at(self, ms: int) -> tuple[InjectedFault, ...]:
        """Return the faults that are active at one moment of event time."""
        return tuple(fault for fault in self.faults if is_active(fault, ms))

    def phase_at(self, ms: int) -> Phase | None:
        """Return the newest phase that is active at a moment, ``None`` if there is none."""
        running = [phase for phase in self.phases if phase.from_ms <= ms < phase.until_ms]
        return running[-1] if running else None

    def expected(self) -> ExpectedBlame:
        """Return what a correct detector blames; an action on anything else is wrong."""
        return self.blamed


def _phases(blamed: ExpectedBlame, start_ms: int, timing: Timing) -> tuple[Phase, ...]:
    def at(seconds: float) -> int:
        return start_ms + round(seconds * 1000)

    host, zone, second = (
        (at(timing.gray_from), at(timing.gray_until)),
        (at(timing.zone_from), at(timing.zone_until)),
        (at(timing.second_zone_from), at(timing.second_zone_until)),
    )
    return (
        Phase(
            name="gray_host",
            story=f"host {blamed.host} in {blamed.host_zone} serves, but fails 30 % of requests",
            from_ms=host[0],
            until_ms=host[1],
            fault=GrayHost(blamed.host, 0.30, *host),
        ),
        Phase(
            name="gray_zone",
            story=f"zone {blamed.zone} degrades: most of its hosts fail 15 to 30 % of requests",
            from_ms=zone[0],
            until_ms=zone[1],
            fault=GrayZone(blamed.zone, 0.30, *zone),
        ),
        Phase(
            name="second_gray_zone",
            story=f"zone {blamed.second_zone} degrades too: {blamed.zone} is away, so it must stay",
            from_ms=second[0],
            until_ms=second[1],
            fault=GrayZone(blamed.second_zone, 0.30, *second),
        ),
    )
