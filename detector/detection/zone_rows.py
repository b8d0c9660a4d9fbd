"""The rows of one window grouped by zone: sums, clean peers, scatter, worst hosts and callers.

Law: a zone is compared with the clean hosts of all other zones, never with its own, so its own
trouble cannot raise its baseline.

Only the hosts with most excess faults list their callers. On the other hosts of a zone its worst
caller is assumed to have the same part of the faults as on the listed ones, so a bad caller of a
large zone is not mistaken for a bad zone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from detector.detection.statistics import (
    BoolArray,
    FloatArray,
    IntArray,
    PeerComparison,
    divide,
    read_counts,
)
from detector.tables.reports import FleetWindow


def worst_callers(window: FleetWindow, rows_by_caller: Mapping[str, Sequence[int]]) -> FloatArray:
    """Return, for each host, its faults met by the worst caller of its zone."""
    zones = len(window.zones)
    listed_rows = np.flatnonzero(window.caller_faults > 0.0)
    listed = np.bincount(
        window.zone_index[listed_rows], window.faults[listed_rows], minlength=zones
    )
    met = {
        name: np.bincount(window.zone_index[rows], window.caller_faults[rows], minlength=zones)
        for name, rows in sorted(rows_by_caller.items())
    }
    names = list(met)
    table = np.array([met[name] for name in names])
    worst = np.argmax(table, axis=0)
    part = np.where(listed > 0.0, table[worst, np.arange(zones)] / np.maximum(listed, 1e-9), 0.0)
    excused = window.faults * part[window.zone_index]
    excused[listed_rows] = 0.0
    for zone in range(zones):
        rows = np.asarray(rows_by_caller[names[worst[zone]]], np.int64)
        own = rows[window.zone_index[rows] == zone]
        excused[own] = window.caller_faults[own]
    return excused


@dataclass(frozen=True, slots=True, eq=False)
class ZoneRows:
    """One row per host: zone number, counts, and whether the host may be a peer (``clean``)."""

    zone: IntArray
    requests: FloatArray
    faults: FloatArray
    clean: BoolArray
    zone_count: int

    @classmethod
    def read(
        cls,
        zone_index: ArrayLike,
        requests: ArrayLike,
        faults: ArrayLike,
        zone_count: int,
        suspect: BoolArray | None,
    ) -> "ZoneRows":
        """Check the arrays, one element per host; raise ValueError if they do not fit."""
        zone = np.asarray(zone_index, dtype=np.int64)
        served = read_counts(requests, "requests", zone.size)
        failed = read_counts(faults, "faults", zone.size)
        if zone_count < 1:
            raise ValueError(f"zone_count is {zone_count}, expected at least 1")
        if zone.size and not (zone.min() >= 0 and zone.max() < zone_count):
            raise ValueError(
                f"zone_index runs from {zone.min()} to {zone.max()}, expected 0 to {zone_count - 1}"
            )
        clean = np.ones(zone.size, dtype=np.bool_) if suspect is None else ~suspect
        if clean.size != zone.size:
            raise ValueError(
                f"suspect has {clean.size} elements, expected {zone.size}: one per host"
            )
        return cls(zone, served, failed, clean, zone_count)

    def by_zone(self, values: FloatArray | BoolArray) -> FloatArray:
        """Sum a value of each host over its zone."""
        sums = np.bincount(self.zone, weights=values, minlength=self.zone_count)
        return sums.astype(np.float64, copy=False)

    def clean_by_zone(self, values: FloatArray | BoolArray) -> FloatArray:
        """Sum a value of each clean host over its zone."""
        return self.by_zone(np.where(self.clean, values, 0.0))

    def at_peers(self, values: FloatArray | BoolArray) -> FloatArray:
        """Sum, for each zone, a value over the clean hosts of the other zones."""
        clean = self.clean_by_zone(values)
        others: FloatArray = np.maximum(clean.sum() - clean, 0.0)
        return others

    def compare(self) -> PeerComparison:
        """Compare each zone with its peers."""
        return PeerComparison(
            self.by_zone(self.requests),
            self.by_zone(self.faults),
            self.at_peers(self.requests),
            self.at_peers(self.faults),
        )

    def compare_hosts(self, rows: IntArray, zones: PeerComparison) -> PeerComparison:
        """Compare some hosts with the peers of their zone."""
        zone = self.zone[rows]
        return PeerComparison(
            self.requests[rows],
            self.faults[rows],
            zones.peer_requests[zone],
            zones.peer_faults[zone],
        )

    def scatter(self, zones: PeerComparison) -> FloatArray:
        """Estimate Pearson's X2 over N - 1 of the peers of each zone; 0 where it is unknown.

        X2 = sum of (F_h - q R_h)^2 / (q R_h) = (sum of F_h^2 / R_h) / q - sum of F_h, where q is
        the pooled rate of the peers; 1 is what chance alone gives.
        """
        squares = self.at_peers(divide(self.faults * self.faults, self.requests))
        degrees = self.at_peers(self.requests > 0.0) - 1.0
        chi_squared = divide(squares * zones.peer_requests, zones.peer_faults) - zones.peer_faults
        return divide(chi_squared, degrees)

    def worst_hosts(self, zones: PeerComparison) -> IntArray:
        """Find the host of each zone with most faults beyond the rate of the peers.

        -1 for a zone without hosts; the lower index on a tie.
        """
        rate = divide(zones.peer_faults, zones.peer_requests)
        excess = self.faults - rate[self.zone] * self.requests
        most = np.full(self.zone_count, -np.inf)
        np.maximum.at(most, self.zone, excess)
        holders = np.flatnonzero(excess == most[self.zone])[::-1]
        worst = np.full(self.zone_count, -1, dtype=np.int64)
        worst[self.zone[holders]] = holders
        return worst

    def without_hosts(self, zones: PeerComparison, hosts: IntArray) -> PeerComparison:
        """Leave one host out of each zone; the index -1 leaves none out."""
        some = hosts >= 0
        requests, faults = np.zeros(hosts.size), np.zeros(hosts.size)
        requests[some], faults[some] = self.requests[hosts[some]], self.faults[hosts[some]]
        return zones.without(requests, faults)
