"""Which hosts of one service are silent, since when, and how they are spread over the zones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from detector.detection import constants
from detector.detection.statistics import BoolArray, hypergeometric_upper_tail
from detector.tables.ranking import fleet_key
from detector.tables.reports import FleetWindow

HostKey = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Silent:
    """A silent host: event time of its last log record, and its requests per second before."""

    last_seen_ms: int
    rate: float


@dataclass(frozen=True, slots=True)
class ZoneCount:
    """Silent hosts of one zone and of all zones, and the hosts that logged within the hour.

    ``p_value``: the chance of so many in this zone if the silent hosts were drawn from all hosts.
    """

    silent: int
    present: int
    silent_in_all: int
    present_in_all: int
    p_value: float
    is_in_doubt: bool


@dataclass(slots=True)
class SilentHosts:
    """The silent hosts of one service by zone and host."""

    _by_key: dict[HostKey, Silent] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._by_key)

    def get(self, key: HostKey) -> Silent | None:
        """Return what is known of a silent host."""
        return self._by_key.get(key)

    def busiest(self, count: int) -> list[HostKey]:
        """Return the silent hosts that served most, the first by name on a tie."""
        ranked = sorted(self._by_key, key=lambda key: (-self._by_key[key].rate, key))
        return ranked[:count]

    def add(self, window: FleetWindow, room: int) -> None:
        """Forget hosts that log again or are long gone; note new ones, at most ``room`` in all."""
        end_ms = window.meta.window.end_ms
        oldest = end_ms - constants.SILENT_FORGET_MS
        mute = _mute(window)
        if self._by_key:
            names = {host for _, host in self._by_key}
            rows = [row for row, host in enumerate(window.hosts) if host in names]
            present = {fleet_key(window, row) for row in rows if not mute[row]}
            self._by_key = {
                key: silent
                for key, silent in self._by_key.items()
                if key not in present and silent.last_seen_ms >= oldest
            }
        for row in np.flatnonzero(mute & _is_missed(window)).tolist():
            key = fleet_key(window, row)
            if key not in self._by_key and len(self._by_key) < room:
                spoke = int(window.last_seen_ms[row])
                span = max(spoke - window.meta.window.start_ms, _pane_ms(window)) / 1000
                self._by_key[key] = Silent(spoke, float(window.requests[row]) / span)

    def zones(self, window: FleetWindow) -> Mapping[str, ZoneCount]:
        """Count silent and logging hosts of every zone."""
        index = {ref.zone: number for number, ref in enumerate(window.zones)}
        counts = np.bincount(window.zone_index, minlength=len(index))
        logged = dict(zip(index, counts.tolist(), strict=True))
        mute = {fleet_key(window, row) for row in np.flatnonzero(_mute(window)).tolist()}
        silent: dict[str, int] = dict.fromkeys(index, 0)
        for key in self._by_key:
            silent[key[0]] = silent.get(key[0], 0) + 1
            if key not in mute:
                logged[key[0]] = logged.get(key[0], 0) + 1
        return _counts(silent, logged)

    def snapshot(self) -> list[list[Any]]:
        """Return plain data."""
        return [[*key, each.last_seen_ms, each.rate] for key, each in self._by_key.items()]

    @staticmethod
    def restored(plain: Sequence[Any]) -> "SilentHosts":
        """Return the hosts of a snapshot."""
        return SilentHosts({(zone, host): Silent(at, rate) for zone, host, at, rate in plain})


def _pane_ms(window: FleetWindow) -> int:
    """Return the length of a pane, 0 where it is not known."""
    meta = window.meta
    return meta.window.end_ms - meta.newest.start_ms if meta.newest is not None else 0


def _mute(window: FleetWindow) -> BoolArray:
    """Mark hosts without records in the newest panes; none where panes are unknown."""
    pane_ms = _pane_ms(window)
    since = window.meta.window.end_ms - constants.SILENT_PANES * pane_ms
    mute: BoolArray = (window.last_seen_ms < since) & (pane_ms > 0)
    return mute


def _is_missed(window: FleetWindow) -> BoolArray:
    """Mark hosts that should have served enough requests while they were silent."""
    meta = window.meta.window
    quiet_ms = constants.SILENT_PANES * _pane_ms(window)
    spoke_ms = np.maximum(window.last_seen_ms - meta.start_ms, max(_pane_ms(window), 1))
    missed: BoolArray = window.requests / spoke_ms * quiet_ms >= constants.SILENT_LEAST_EXPECTED
    return missed


def _counts(silent: Mapping[str, int], present: Mapping[str, int]) -> dict[str, ZoneCount]:
    hosts, quiet = sum(present.values()), sum(silent.values())
    part = {zone: silent[zone] / max(present[zone], 1) for zone in silent}
    found = {}
    for zone, count in silent.items():
        tail = hypergeometric_upper_tail(hosts, quiet, present[zone], count) if count else 1.0
        others = max((part[other] for other in silent if other != zone), default=1.0)
        is_in_doubt = (
            tail < constants.SILENT_ZONE_P
            and count >= constants.SILENT_ZONE_HOSTS
            and part[zone] >= constants.SILENT_ZONE_FRACTION
            and others < constants.SILENT_ZONE_FRACTION
        )
        found[zone] = ZoneCount(count, present[zone], quiet, hosts, tail, is_in_doubt)
    return found
