"""The usual level of one service: the fault rate of its clean hosts, and the hosts of each zone.

Law: sums decay with event time, by half in 42 minutes (a factor of e in an hour). The usual level
is a function of the windows added, in order.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from detector.detection import constants


@dataclass(slots=True)
class UsualLevel:
    """Decaying sums; ``since_ms`` and ``end_ms`` are the ends of the first and the newest window.

    ``frozen_until_ms``: until then actions are held back, for ``reasons``; ``freezes_zones``: also
    actions on zones.
    """

    since_ms: int = 0
    end_ms: int = 0
    faults: float = 0.0
    requests: float = 0.0
    weight: float = 0.0
    hosts_by_zone: dict[str, float] = field(default_factory=dict)
    frozen_until_ms: int = 0
    reasons: tuple[str, ...] = ()
    freezes_zones: bool = False

    @property
    def is_known(self) -> bool:
        """Whether enough was logged to know the usual level."""
        return self.weight > 0.0 and self.end_ms - self.since_ms >= constants.GUARD_WARM_UP_MS

    @property
    def rate(self) -> float:
        """Faults per request of the clean hosts, of at least half a fault."""
        return (self.faults + 0.5) / (self.requests + 1.0)

    def hosts(self) -> Mapping[str, float]:
        """Return the usual number of hosts of each zone."""
        weight = self.weight if self.weight > 0.0 else 1.0
        return {zone: total / weight for zone, total in self.hosts_by_zone.items()}

    def add(self, end_ms: int, faults: float, requests: float, hosts: Mapping[str, int]) -> None:
        """Add one window: faults and requests of its clean hosts, and its hosts by zone."""
        if self.weight == 0.0:
            self.since_ms = end_ms
        kept = math.exp(-max(end_ms - self.end_ms, 0) / constants.GUARD_BASELINE_MS)
        self.end_ms = end_ms
        self.faults = self.faults * kept + faults
        self.requests = self.requests * kept + requests
        self.weight = self.weight * kept + 1.0
        zones = {zone: total * kept for zone, total in self.hosts_by_zone.items()}
        for zone, count in hosts.items():
            zones[zone] = zones.get(zone, 0.0) + count
        least = 0.01 * self.weight
        alive = sorted(
            (zone for zone, total in zones.items() if total >= least), key=zones.__getitem__
        )
        self.hosts_by_zone = {zone: zones[zone] for zone in alive[-constants.GUARD_ZONES :]}

    def snapshot(self) -> list[Any]:
        """Return plain data."""
        return [
            *(self.since_ms, self.end_ms, self.faults, self.requests, self.weight),
            dict(self.hosts_by_zone),
            *(self.frozen_until_ms, list(self.reasons), self.freezes_zones),
        ]

    @staticmethod
    def restored(plain: Sequence[Any]) -> "UsualLevel":
        """Return the level of a snapshot."""
        since_ms, end_ms, faults, requests, weight, hosts, until_ms, reasons, zones = plain
        return UsualLevel(
            *(since_ms, end_ms, faults, requests, weight, dict(hosts)),
            *(until_ms, tuple(reasons), zones),
        )
