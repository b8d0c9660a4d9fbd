"""Zones and the shifts away from them.

Law: at most one zone is away at a time, fleet-wide: while any service is shifted away from a zone,
no service is shifted away from another one. Several services may be away from the same zone; one
service is never shifted away from it twice.

A shift ends by itself when it expires. Expiry is measured in steady seconds (see budgets), so a
jump of the wall clock cannot make a zone look returned while it is still away.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shift:
    """Traffic of ``service`` is kept away from ``zone`` until the steady second ``until``."""

    zone: str
    service: str
    until: float


@dataclass(frozen=True, slots=True)
class ShiftsInForce:
    """The shifts that have not expired."""

    shifts: tuple[Shift, ...] = ()

    @staticmethod
    def at(shifts: Iterable[Shift], now: float) -> "ShiftsInForce":
        """Return those of ``shifts`` that last beyond steady second ``now``."""
        return ShiftsInForce(tuple(shift for shift in shifts if shift.until > now))

    @property
    def zones(self) -> tuple[str, ...]:
        """The zones that are away, each once."""
        return tuple(dict.fromkeys(shift.zone for shift in self.shifts))

    def is_away(self, zone: str, service: str | None = None) -> bool:
        """Return whether ``zone`` is away, for ``service`` or (``None``) for any service."""
        return any(s.zone == zone and service in {None, s.service} for s in self.shifts)

    def others(self, zone: str) -> tuple[str, ...]:
        """Return the zones other than ``zone`` that are away."""
        return tuple(away for away in self.zones if away != zone)


def zones_left(zones: int) -> int:
    """Return how many of a service's ``zones`` serve after one is shifted away."""
    return max(0, zones - 1)


def hosts_left(fleet_hosts: int, zone_hosts: int, removed: int) -> float:
    """Return the fraction (0 to 1) of a fleet that serves with a zone away and hosts removed."""
    return max(0, fleet_hosts - zone_hosts - removed) / fleet_hosts if fleet_hosts > 0 else 0.0
