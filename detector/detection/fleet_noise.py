"""How much the latency of healthy hosts differs from their peers, and for how long.

Law: noise is measured on the bulk of the fleet itself (medians of absolute values), so the few slow
hosts that every fleet has do not raise it. It does not depend on names, on the unit of latency or
on wall time: it counts records, one per window added.

Two numbers. ``sigma`` is the spread of one record. ``inflation`` is the variance of a mean over
thirty records divided by a thirtieth of the variance of one: 1 for independent records, 4 to 9 in
production, where a host that is slow now is slow in a minute. It is the long-run variance of
sequential tests on dependent data (block means over the fleet): that many records say as much as
one independent record, so it multiplies the records needed.

Theory of operation: each host of a panel has an exponentially weighted mean of its ratios. The
spread of these means over the panel, squared, times the number of records behind a mean, is the
variance wanted. Before thirty records it is extrapolated to thirty with the square root of their
number, as for correlation that decays slowly, so the first minutes need more evidence.
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
    """Constants of D4, explained in ``constants``; production uses the defaults.

    ``levels`` are ratios to the peers; ``full_sigmas`` and ``most_sigmas`` are in sigmas of the
    service, ``most_evidence`` and ``more_per_fold`` in parts of the evidence needed, the others in
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
        """Factor of an exponentially weighted mean that covers one block of records."""
        return 1.0 - 2.0 / (self.block_records + 1.0)


SHIPPED = LatencyTuning()


Key = tuple[str, str]
MAD_TO_SIGMA = 1.4826
"""The standard deviation of a normal distribution over its median absolute deviation."""
SCALE = 1_000.0
"""Means of the panel are stored in whole thousandths, so a snapshot is small and exact."""


@dataclass(slots=True)
class FleetNoise:
    """The noise of one service after ``records`` records, the last of ``hosts`` hosts.

    ``panel`` names the hosts that it is measured on. ``sums`` has one column per host of the panel
    and three rows: sum of its weighted ratios (thousandths of sigma), sum of their weights
    (thousandths), and number of records it has been absent for.
    """

    records: int = 0
    sigma: float = 0.0
    inflation: float = 0.0
    hosts: int = 0
    panel: list[Key] = field(default_factory=list)
    sums: IntArray = field(default_factory=lambda: np.zeros((3, 0), np.int64))
    tuning: LatencyTuning = SHIPPED

    def read(self, ratios: FloatArray, row_by_key: Mapping[Key, int], room: int) -> None:
        """Add one record; ``room`` is how many hosts the panel may hold.

        ``row_by_key`` has every row of ``ratios``; NaN where a host has no ratio.
        """
        known = np.isfinite(ratios)
        self.records += 1
        self.hosts = int(np.count_nonzero(known))
        spread = MAD_TO_SIGMA * float(np.median(np.abs(ratios[known])))
        spread = max(spread, self.tuning.least_sigma)
        self.sigma += (spread - self.sigma) / min(self.records, self.tuning.sigma_records)
        self._refill(known, row_by_key, room)
        self._advance(ratios, row_by_key)
        block = self._block_inflation()
        memory = min(self.records, self.tuning.inflation_records)
        self.inflation += (block - self.inflation) / memory

    def _refill(self, known: BoolArray, row_by_key: Mapping[Key, int], room: int) -> None:
        """Fill the panel up to ``room`` with hosts that have a ratio, evenly over the fleet."""
        missing = min(room, constants.LATENCY_PANEL_HOSTS) - len(self.panel)
        if missing <= 0 or self.hosts <= len(self.panel):
            return
        members = set(self.panel)
        fresh = [key for key, row in row_by_key.items() if known[row] and key not in members]
        step = max(len(fresh) / missing, 1.0)
        chosen = [fresh[int(index * step)] for index in range(min(missing, len(fresh)))]
        self.panel += chosen
        self.sums = np.pad(self.sums, ((0, 0), (0, len(chosen))))

    def _advance(self, ratios: FloatArray, row_by_key: Mapping[Key, int]) -> None:
        rows = np.array([row_by_key.get(key, -1) for key in self.panel], np.int64)
        values = np.where(rows < 0, np.nan, ratios.take(rows)) / self.sigma
        totals, weights, absent = self.sums
        keep, most = self.tuning.keep, self.tuning.most_sigmas
        known = np.isfinite(values)
        fresh = np.clip(np.where(known, values, 0.0), -most, most)
        self.sums = np.array(
            [
                np.where(known, np.rint(keep * totals + SCALE * fresh), totals),
                np.where(known, np.rint(keep * weights + SCALE), weights),
                np.where(known, 0, absent + 1),
            ]
        ).astype(np.int64)
        gone = self.sums[2] > self.tuning.forget_records
        if gone.any():
            self.sums = self.sums[:, ~gone]
            self.panel = [key for key, left in zip(self.panel, gone, strict=True) if not left]

    def _block_inflation(self) -> float:
        """Return the variance of a mean over a block times its records, over that of one record."""
        if len(self.panel) < constants.LATENCY_LEAST_HOSTS:
            return constants.LATENCY_USUAL_INFLATION
        totals, weights, _ = self.sums
        means = totals / weights
        weight = float(np.median(weights)) / SCALE
        # Weights 1, k, k^2, ...: their sum gives their number, and with it the sum of squares.
        keep = self.tuning.keep
        left = max(1.0 - weight * (1.0 - keep), 0.0)
        records = weight**2 * (1.0 - keep**2) / (1.0 - left**2)
        spread = MAD_TO_SIGMA * float(np.median(np.abs(means - np.median(means))))
        extended = float(np.sqrt(self.tuning.block_records / records))
        return max(records * spread**2 * max(extended, 1.0), 1.0)

    def snapshot(self) -> list[Any]:
        """Return the state as plain data."""
        zones: dict[str, list[list[Any]]] = {}
        for column, (zone, host) in enumerate(self.panel):
            zones.setdefault(zone, []).append([host, column])
        named = [*map(list, zones.items())]
        measured = [self.records, self.sigma, self.inflation, self.hosts]
        return [measured, named, self.sums.tolist()]

    @staticmethod
    def restored(plain: Any) -> "FleetNoise":
        """Restore from a ``snapshot``."""
        (records, sigma, inflation, hosts), zones, sums = plain
        key_by_column = {column: (zone, host) for zone, hosts in zones for host, column in hosts}
        panel = [key_by_column[column] for column in range(len(key_by_column))]
        return FleetNoise(
            records, sigma, inflation, hosts, panel, np.array(sums, np.int64).reshape(3, len(panel))
        )
