"""Evidence carried from window to window: one number per host, keyed by zone and host name.

Law: for each service the ``limit`` hosts with most evidence keep it, ties in row order; a host that
is missing from the next window loses it. Numbers are rounded to thousandths, which take a third of
the space, so that kept, saved and restored values are equal.

Theory of operation: the rows of a service seldom change, and then consecutive windows share the
same tuple of hosts; numbers are kept by row until the tuple changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from detector.detection.statistics import FloatArray, IntArray
from detector.tables.reports import FleetWindow, ZoneRef

HostKey = tuple[str, str]
THOUSAND = 1000.0


@dataclass(slots=True)
class HostEvidence:
    """The evidence against the hosts of one service, as of the window that ended at ``end_ms``."""

    end_ms: int = 0
    _value_by_host: dict[HostKey, float] = field(default_factory=dict)
    _hosts: tuple[str, ...] | None = None
    _zones: tuple[ZoneRef, ...] = ()
    _zone_index: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    _values: FloatArray = field(default_factory=lambda: np.zeros(0))

    def __len__(self) -> int:
        if self._hosts is None:
            return len(self._value_by_host)
        return int(np.count_nonzero(self._values))

    def of(self, window: FleetWindow) -> FloatArray:
        """Return the evidence by row of ``window``."""
        if window.hosts is self._hosts and window.zone_index is self._zone_index:
            return self._values.copy()
        by_host = self._by_host()
        values = np.zeros(len(window.hosts))
        if by_host:
            names = {host for _, host in by_host}
            rows = [row for row, host in enumerate(window.hosts) if host in names]
            for row in rows:
                zone = window.zones[int(window.zone_index[row])].zone
                values[row] = by_host.get((zone, window.hosts[row]), 0.0)
        return values

    def keep(self, window: FleetWindow, values: FloatArray, limit: int) -> FloatArray:
        """Keep the ``limit`` largest values; return them by row, 0 for the others."""
        values = np.rint(values * THOUSAND) / THOUSAND
        rows = np.flatnonzero(values > 0.0)
        kept = np.zeros_like(values)
        if rows.size > limit:
            rows = rows[np.argsort(-values[rows], kind="stable")[: max(limit, 0)]]
        kept[rows] = values[rows]
        self.end_ms, self._hosts, self._zones = (
            window.meta.window.end_ms,
            window.hosts,
            window.zones,
        )
        self._zone_index, self._values = window.zone_index, kept
        return kept

    def snapshot(self) -> list[Any]:
        """Return plain data."""
        zones: dict[str, list[list[Any]]] = {}
        for (zone, host), value in self._by_host().items():
            zones.setdefault(zone, []).append([host, round(value * THOUSAND)])
        return [self.end_ms, [[zone, rows] for zone, rows in zones.items()]]

    @staticmethod
    def restored(plain: Sequence[Any]) -> "HostEvidence":
        """Return the evidence of a snapshot."""
        end_ms, zones = plain
        return HostEvidence(
            end_ms,
            {(zone, host): value / THOUSAND for zone, rows in zones for host, value in rows},
        )

    def _by_host(self) -> dict[HostKey, float]:
        hosts = self._hosts
        if hosts is None:
            return self._value_by_host
        rows = np.flatnonzero(self._values).tolist()
        names = [ref.zone for ref in self._zones]
        zones = self._zone_index[rows].tolist()
        values = self._values[rows].tolist()
        return {
            (names[zone], hosts[row]): value
            for row, zone, value in zip(rows, zones, values, strict=True)
        }
