"""How much the latency of healthy hosts differs from their peers, and for how long it does.

Law: noise is measured on the bulk of the fleet itself (medians of absolute values), so that the few
slow hosts that every fleet has do not raise it. It does not depend on names, on the unit of latency
or on wall time: it counts records, one for each window that is read.

Two numbers. ``sigma`` is the spread of one record. ``inflation`` is the factor by which the
variance of a mean over thirty records exceeds a thirtieth of the variance of one: 1 for independent
records, 4 to 9 in production, where a host that is slow now is slow a minute later. It is the
long-run variance of sequential tests on dependent data (block means over the fleet): that many
records carry as much information as one independent record, so it multiplies the records needed.

Theory of operation: a panel of hosts carries an exponentially weighted mean of its ratios. The
spread of those means over the panel, times the number of records that a mean stands for, is the
variance needed. Before thirty records have passed, the estimate is extended to thirty by their
square root, as slowly decaying correlation requires, so that the first minutes are strict.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from detector.detection import constants
from detector.detection.statistics import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class LatencyTuning:
    """The numbers of D4, from ``constants`` with their reasons; production uses the defaults.

    ``levels`` are ratios to the peers; ``full_sigmas`` and ``most_sigmas`` count sigmas of the
    service, ``most_evidence`` and ``more_per_fold`` are parts of what is needed, the others count
    records.
    """

    levels: tuple[float, ...] = constants.LATENCY_LEVELS
    full_sigmas: float = constants.LATENCY_FULL_SIGMAS
    taken_records: float = constants.LATENCY_TAKEN_RECORDS
    least_records: float = constants.LATENCY_LEAST_RECORDS
    records_per_noise: float = constants.LATENCY_RECORDS_PER_NOISE
    most_evidence: float = constants.LATENCY_MOST_EVIDENCE
    block_records: float = constants.LATENCY_BLOCK_RECORDS
    sigma_records: float = constants.LATENCY_SIGMA_RECORDS
    inflation_records: float = constants.LATENCY_INFLATION_RECORDS
    most_sigmas: float = constants.LATENCY_MOST_SIGMAS
    least_sigma: float = constants.LATENCY_LEAST_SIGMA
    forget_records: float = constants.LATENCY_FORGET_RECORDS
    more_per_fold: float = constants.LATENCY_MORE_PER_FOLD

    @cached_property
    def log_levels(self) -> FloatArray:
        """Natural logarithms of the levels."""
        logarithms: FloatArray = np.log(np.array(self.levels))
        return logarithms

    @property
    def keep(self) -> float:
        """What an exponentially weighted mean keeps to stand for a block of records."""
        return 1.0 - 2.0 / (self.block_records + 1.0)


SHIPPED = LatencyTuning()


Key = tuple[str, str]
MAD_TO_SIGMA = 1.4826
"""The standard deviation of a normal distribution over its median absolute deviation."""
SCALE = 1_000.0
"""Means of the panel are kept as whole thousandths, which makes a snapshot small and exact."""


@dataclass(slots=True)
class FleetNoise:
    """The noise of one service after ``records`` records, the last of ``hosts`` hosts.

    ``panel`` names the hosts that it is measured on. ``sums`` has three rows and a column for each
    of them: its weighted ratios (thousandths of sigma) and their weights (thousandths), summed, and
    for how many records it has been absent.
    """

    records: int = 0
    sigma: float = 0.0
    inflation: float = 0.0
    hosts: int = 0
    panel: list[Key] = field(default_factory=list)
    sums: IntArray = field(default_factory=lambda: np.zeros((3, 0), np.int64))
    tuning: LatencyTuning = SHIPPED

    def read(self, ratios: FloatArray, row_by_key: Mapping[Key, int], room: int) -> None:
        """Add one record; ``room`` is the number of hosts that the panel may hold.

        ``row_by_key`` has every row of ``ratios``; NaN where a host has no ratio.
        """
        logged = np.isfinite(ratios)
        self.records += 1
        self.hosts = int(np.count_nonzero(logged))
        spread = MAD_TO_SIGMA * float(np.median(np.abs(ratios[logged])))
        spread = max(spread, self.tuning.least_sigma)
        self.sigma += (spread - self.sigma) / min(self.records, self.tuning.sigma_records)
        self._refill(logged, row_by_key, room)
        self._advance(ratios, row_by_key)
        block = self._block_inflation()
        memory = min(self.records, self.tuning.inflation_records)
        self.inflation += (block - self.inflation) / memory

    def _refill(self, logged: BoolArray, row_by_key: Mapping[Key, int], room: int) -> None:
        """Add hosts with latency to the panel, evenly over the fleet, up to its limit."""
        missing = min(room, constants.LATENCY_PANEL_HOSTS) - len(self.panel)
        if missing <= 0 or self.hosts <= len(self.panel):
            return
        known = set(self.panel)
        fresh = [key for key, row in row_by_key.items() if logged[row] and key not in known]
        step = max(len(fresh) / missing, 1.0)
        chosen = [fresh[int(place * step)] for place in range(min(missing, len(fresh)))]
        self.panel += chosen
        self.sums = np.pad(self.sums, ((0, 0), (0, len(chosen))))

    def _advance(self, ratios: FloatArray, row_by_key: Mapping[Key, int]) -> None:
        rows = np.array([row_by_key.get(key, -1) for key in self.panel], np.int64)
        values = np.where(rows < 0, np.nan, ratios.take(rows)) / self.sigma
        totals, weights, absent = self.sums
        keep, most = self.tuning.keep, self.tuning.most_sigmas
        logged = np.isfinite(values)
        fresh = np.clip(np.where(logged, values, 0.0), -most, most)
        self.sums = np.array(
            [
                np.where(logged, np.rint(keep * totals + SCALE * fresh), totals),
                np.where(logged, np.rint(keep * weights + SCALE), weights),
                np.where(logged, 0, absent + 1),
            ]
        ).astype(np.int64)
        gone = self.sums[2] > self.tuning.forget_records
        if gone.any():
            self.sums = self.sums[:, ~gone]
            self.panel = [key for key, left in zip(self.panel, gone, strict=True) if not left]

    def _block_inflation(self) -> float:
        """Return the variance of a mean over a block, times its records, over that of one."""
        if len(self.panel) < constants.LATENCY_LEAST_HOSTS:
            return constants.LATENCY_USUAL_INFLATION
        totals, weights, _ = self.sums
        means = totals / weights
        weight = float(np.median(weights)) / SCALE
        # Weights 1, k, k^2, ...: their sum tells how many there are, and so the sum of squares.
        keep = self.tuning.keep
        left = max(1.0 - weight * (1.0 - keep), 0.0)
        records = weight**2 * (1.0 - keep**2) / (1.0 - left**2)
        spread = MAD_TO_SIGMA * float(np.median(np.abs(means - np.median(means))))
        extended = float(np.sqrt(self.tuning.block_records / records))
        return max(records * spread**2 * max(extended, 1.0), 1.0)

    def snapshot(self) -> list[Any]:
        """Return plain data."""
        zones: dict[str, list[list[Any]]] = {}
        for place, (zone, host) in enumerate(self.panel):
            zones.setdefault(zone, []).append([host, place])
        named = [*map(list, zones.items())]
        measured = [self.records, self.sigma, self.inflation, self.hosts]
        return [measured, named, self.sums.tolist()]

    @staticmethod
    def restored(plain: Any) -> "FleetNoise":
        """Return the noise of a snapshot."""
        (records, sigma, inflation, hosts), zones, sums = plain
        key_by_place = {place: (zone, host) for zone, hosts in zones for host, place in hosts}
        panel = [key_by_place[place] for place in range(len(key_by_place))]
        return FleetNoise(
            records, sigma, inflation, hosts, panel, np.array(sums, np.int64).reshape(3, len(panel))
        )
