"""One fleet in one window, and what detectors ask of it, each worked out once.

Known limits: how many requests of a host came from its worst caller is not known, so the host keeps
them when that caller's faults are taken out, which speaks for the host. A service with one caller
only is recognised by that caller's faults on at least a quarter of its hosts; then callers are left
out of account.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from detector.domain import detector_constants as constants
from detector.domain.alarm_config import EvaluateConfig
from detector.domain.findings import Contributor
from detector.domain.ranking import fleet_key
from detector.domain.reports import FleetWindow
from detector.domain.share_test import ShareTestResult, TopCallers, share_test
from detector.domain.statistics import BoolArray, TopShare, r66


@dataclass(frozen=True, eq=False)
class FleetView:
    """One fleet in one window, and what detectors ask of it, each worked out once."""

    window: FleetWindow
    config: EvaluateConfig

    @cached_property
    def total(self) -> float:
        """All faults of the window."""
        return float(self.window.faults.sum())

    @cached_property
    def top(self) -> TopShare:
        """The hosts with most faults."""
        return r66(self.window.faults)

    @cached_property
    def share_test(self) -> ShareTestResult:
        """The share test of all hosts."""
        window = self.window
        return share_test(window.requests, window.faults, self.config.share_test, self._callers())

    @cached_property
    def accused(self) -> BoolArray:
        """Hosts worse than their peers by the share test, for their own or a caller's sake."""
        return self.share_test.suspect | self.share_test.caller_blamed

    def rows_of(self, asked: Collection[Contributor]) -> set[int]:
        """Return where the hosts asked about stand; few are, so that no index pays."""
        names = {host for _, host in asked}
        found = [row for row, host in enumerate(self.window.hosts) if host in names]
        return {row for row in found if fleet_key(self.window, row) in asked}

    def _callers(self) -> TopCallers | None:
        if not self.config.caller_out:
            return None
        names = {name for name in self.window.caller_names if name}
        faulty = int(np.count_nonzero(self.window.faults > 0.0))
        spread = max(
            constants.SOLE_CALLER_HOSTS, constants.SOLE_CALLER_FRACTION * len(self.window.hosts)
        )
        if len(names) <= 1 and faulty >= spread:
            return None
        return TopCallers(np.zeros_like(self.window.caller_faults), self.window.caller_faults)
