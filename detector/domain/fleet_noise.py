"""How much the latency of healthy hosts differs from their peers, and for how long it does.

Law: noise is measured on the bulk of the fleet itself (medians of absolute values), so that a few
slow hosts, of which there are always some, do not raise it. It does not depend on names, on the
unit of latency, or on wall time: it counts records, one for each window that is read.

Two numbers. ``sigma`` is the spread of one record. ``inflation`` is by how much the variance of a
mean over thirty records exceeds a thirtieth of that of one: 1 for independent records, 4 to 9 in
production, where a host that is slow now is slow in a minute. It is the long-run variance of
sequential tests on dependent data (block means over the fleet), and its root multiplies the
evidence that is asked for.

Theory of operation: a panel of hosts carries an exponentially weighted mean of its ratios, whose
spread over the panel, times the number of records that the mean stands for, is the variance that
is wanted. Before thirty records have passed it is extended to thirty by their square root, which is
what correlation that dies slowly does, so that the first minutes are judged strictly.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from detector.domain import detector_constants as constants
from detector.domain.latency_tuning import SHIPPED, LatencyTuning
from detector.domain.statistics import FloatArray

Key = tuple[str, str]
MAD_TO_SIGMA = 1.4826
"""The standard deviation of a normal distribution over its median absolute deviation."""
SCALE = 1_000.0
"""Means of the panel are kept as whole thousandths, which makes a snapshot small and exact."""


@dataclass(slots=True)
class FleetNoise:
    """The noise of one service after ``records`` records.

    ``panel`` holds for each of its hosts the sum of weighted ratios (thousandths of sigma), the sum
    of weights (thousandths), and for how many records it has been absent.
    """

    records: int = 0
    sigma: float = 0.0
    inflation: float = 0.0
    panel: dict[Key, tuple[int, int, int]] = field(default_factory=dict)
    tuning: LatencyTuning = SHIPPED

    def read(self, ratios: FloatArray, row_by_key: Mapping[Key, int], room: int) -> None:
        """Take one record in; ``room`` is how many hosts the panel may hold."""
        known = ratios[np.isfinite(ratios)]
        self.records += 1
        spread = MAD_TO_SIGMA * float(np.median(np.abs(known)))
        spread = max(spread, self.tuning.least_sigma)
        self.sigma += (spread - self.sigma) / min(self.records, self.tuning.sigma_records)
        self._refill(ratios, row_by_key, room)
        self._advance(ratios, row_by_key)
        block = self._block_inflation()
        memory = min(self.records, self.tuning.inflation_records)
        self.inflation += (block - self.inflation) / memory

    def _refill(self, ratios: FloatArray, row_by_key: Mapping[Key, int], room: int) -> None:
        """Let hosts into the panel that are heard, evenly over the fleet, while there is room."""
        missing = min(room, constants.LATENCY_PANEL_HOSTS) - len(self.panel)
        if missing <= 0:
            return
        fresh = [
            key
            for key, row in row_by_key.items()
            if key not in self.panel and np.isfinite(ratios[row])
        ]
        step = max(len(fresh) / missing, 1.0)
        for place in range(min(missing, len(fresh))):
            self.panel[fresh[int(place * step)]] = (0, 0, 0)

    def _advance(self, ratios: FloatArray, row_by_key: Mapping[Key, int]) -> None:
        keep, most = self.tuning.keep, self.tuning.most_sigmas
        for key, (total, weight, absent) in [*self.panel.items()]:
            row = row_by_key.get(key, -1)
            if row < 0 or not np.isfinite(ratios[row]):
                if absent >= self.tuning.forget_records:
                    del self.panel[key]
                else:
                    self.panel[key] = (total, weight, absent + 1)
                continue
            value = min(max(float(ratios[row]) / self.sigma, -most), most)
            self.panel[key] = (
                round(keep * total + SCALE * value),
                round(keep * weight + SCALE),
                0,
            )

    def _block_inflation(self) -> float:
        """Return the variance of a mean over a block, times its records, over that of one."""
        if len(self.panel) < constants.LATENCY_LEAST_HOSTS:
            return constants.LATENCY_USUAL_INFLATION
        totals, weights, _ = np.array([*self.panel.values()], np.float64).T
        heard = weights > 0.0
        means = totals[heard] / weights[heard]
        weight = float(np.median(weights[heard])) / SCALE
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
        for (zone, host), numbers in self.panel.items():
            zones.setdefault(zone, []).append([host, *numbers])
        return [self.records, self.sigma, self.inflation, [*map(list, zones.items())]]

    @staticmethod
    def restored(plain: Any) -> "FleetNoise":
        """Return what ``snapshot`` gave."""
        records, sigma, inflation, zones = plain
        panel = {
            (zone, host): (total, weight, absent)
            for zone, hosts in zones
            for host, total, weight, absent in hosts
        }
        return FleetNoise(records, sigma, inflation, panel)
