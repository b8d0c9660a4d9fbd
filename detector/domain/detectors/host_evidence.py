"""Evidence that hosts carry from window to window: one number for each, kept by the host's name.

Law: of a service the ``limit`` hosts with most evidence keep theirs, a tie by the place of the row;
whoever is not in the next window loses it. So what is kept, what is saved and what is restored are
the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from detector.domain.reports import FleetWindow
from detector.domain.statistics import FloatArray


@dataclass(slots=True)
class HostEvidence:
    """The evidence against the hosts of one service, as of the window that ended at ``end_ms``."""

    end_ms: int = 0
    value_by_host: dict[tuple[str, str], float] = field(default_factory=dict)

    def of(self, window: FleetWindow) -> FloatArray:
        """Return the evidence by row."""
        values = np.zeros(len(window.hosts))
        if self.value_by_host:
            zones = {ref.zone: number for number, ref in enumerate(window.zones)}
            row_by_key = _rows(window, {host for _, host in self.value_by_host})
            for (zone, host), value in self.value_by_host.items():
                row = row_by_key.get((zones.get(zone, -1), host))
                if row is not None:
                    values[row] = value
        return values

    def keep(self, window: FleetWindow, values: FloatArray, limit: int) -> FloatArray:
        """Remember the largest ``limit`` of ``values`` and return them, the others 0."""
        rows = np.flatnonzero(values > 0.0)
        if rows.size > limit:
            rows = np.sort(rows[np.argsort(-values[rows], kind="stable")[:limit]])
        self.end_ms = window.meta.window.end_ms
        zone = window.zone_index
        self.value_by_host = {
            (window.zones[int(zone[row])].zone, window.hosts[row]): float(values[row])
            for row in rows.tolist()
        }
        kept = np.zeros_like(values)
        kept[rows] = values[rows]
        return kept

    def snapshot(self) -> list[Any]:
        """Return plain data."""
        zones: dict[str, list[list[Any]]] = {}
        for (zone, host), value in self.value_by_host.items():
            zones.setdefault(zone, []).append([host, value])
        return [self.end_ms, [[zone, rows] for zone, rows in zones.items()]]

    @staticmethod
    def restored(plain: Sequence[Any]) -> "HostEvidence":
        """Return what ``snapshot`` gave."""
        end_ms, zones = plain
        return HostEvidence(
            end_ms, {(zone, host): value for zone, rows in zones for host, value in rows}
        )


def _rows(window: FleetWindow, names: set[str]) -> dict[tuple[int, str], int]:
    zone = window.zone_index
    return {(int(zone[row]), host): row for row, host in enumerate(window.hosts) if host in names}
