"""One fleet in one window, and what detectors ask of it, each computed once.

Known limits: how many requests of a host came from its worst caller is not known, so the host keeps
them when that caller's faults are removed, which favours the host. A service with a single caller
is recognised by that caller's faults on at least a quarter of its hosts; callers are then ignored.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from detector.detection import constants
from detector.detection.config import EvaluateConfig
from detector.detection.findings import Contributor
from detector.detection.share_test import ShareTestResult, TopCallers, share_test
from detector.detection.statistics import BoolArray, TopShare, benjamini_hochberg, r66
from detector.detection.zone_rows import worst_callers
from detector.detection.zone_test import ZoneTestResult, zone_test
from detector.tables.ranking import fleet_key
from detector.tables.reports import FleetWindow


@dataclass(frozen=True, eq=False)
class FleetView:
    """One fleet in one window, and what detectors ask of it, each computed once."""

    window: FleetWindow
    config: EvaluateConfig

    @cached_property
    def total(self) -> float:
        """All faults in the window."""
        return float(self.window.faults.sum())

    @cached_property
    def top(self) -> TopShare:
        """The hosts with most faults."""
        return r66(self.window.faults)

    @cached_property
    def share_test(self) -> ShareTestResult:
        """The share test of all hosts."""
        window = self.window
        callers = None
        if self.callers_matter:
            nothing = np.zeros_like(window.caller_faults)
            callers = TopCallers(nothing, window.caller_faults)
        return share_test(window.requests, window.faults, self.config.share_test, callers)

    @cached_property
    def accused(self) -> BoolArray:
        """Hosts worse than their peers by the share test, by themselves or through one caller."""
        return self.share_test.suspect | self.share_test.caller_blamed

    @cached_property
    def accused_count(self) -> int:
        """Number of hosts that the share test accuses."""
        return int(np.count_nonzero(self.accused))

    @cached_property
    def beyond_doubt(self) -> BoolArray:
        """Suspects that remain at the stricter level of the share test on its own."""
        test = self.share_test
        rows = np.flatnonzero(test.suspect)
        sure = np.zeros_like(test.suspect)
        hosts = len(self.window.hosts)
        sure[rows] = benjamini_hochberg(
            test.p_value[rows], constants.SHARE_ALONE_Q, hypotheses=hosts
        )
        return sure

    @cached_property
    def caller_blamed_rows(self) -> tuple[int, ...]:
        """Rows of the hosts that a caller clears."""
        return tuple(np.flatnonzero(self.share_test.caller_blamed).tolist())

    @cached_property
    def rows_by_caller(self) -> Mapping[str, list[int]]:
        """Rows of hosts by the caller with most faults there; hosts without one are left out."""
        rows: dict[str, list[int]] = {}
        for row in np.flatnonzero(self.window.caller_faults > 0.0).tolist():
            rows.setdefault(self.window.caller_names[row], []).append(row)
        return rows

    @cached_property
    def callers_matter(self) -> bool:
        """Whether callers can explain anything: there are several, and logs distinguish them."""
        if not self.config.caller_out:
            return False
        faulty = int(np.count_nonzero(self.window.faults > 0.0))
        spread = max(
            constants.SOLE_CALLER_HOSTS, constants.SOLE_CALLER_FRACTION * len(self.window.hosts)
        )
        return len(self.rows_by_caller) > 1 or faulty < spread

    @cached_property
    def zone_faults_test(self) -> ZoneTestResult:
        """The zone test of faults, also without each zone's worst caller."""
        window = self.window
        excused = None
        if self.callers_matter and self.rows_by_caller:
            excused = worst_callers(window, self.rows_by_caller)
        return zone_test(
            window.zone_index,
            window.requests,
            window.faults,
            len(window.zones),
            self.config.zone_test,
            suspect=self.accused,
            excused=excused,
        )

    @cached_property
    def _row_by_host(self) -> Mapping[str, int]:
        return dict(zip(self.window.hosts, range(len(self.window.hosts)), strict=True))

    def rows_of(self, asked: Collection[Contributor]) -> set[int]:
        """Return the rows of the hosts in ``asked`` that are in the window."""
        window, index = self.window, self._row_by_host
        names = {key[-1] for key in asked}
        if len(index) == len(window.hosts):
            found = [index[name] for name in names if name in index]
        else:  # Zones that share the names of hosts are rare.
            found = [row for row, host in enumerate(window.hosts) if host in names]
        return {row for row in found if fleet_key(window, row) in asked}
