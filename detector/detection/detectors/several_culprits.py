"""D2, R66 for several culprits: the fewest hosts that together own 66 % of the excess faults.

Law: each of them exceeds the stricter level of the share test. There are at least two (one is for
D0) and no more than could be replaced. Excess is counted over the rate of the clean hosts, so that
a background of faults hides no culprit.
"""

from collections.abc import Collection, Mapping
from typing import Final

import numpy as np

from detector.core.vocabulary import ActionKind
from detector.detection.config import EvaluateConfig
from detector.detection.constants import R66K_FLEET_FRACTION, R66K_LEAST_MOST
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.detectors.host_findings import host_counts, host_name, rate_finding
from detector.detection.evidence import HostGroup
from detector.detection.findings import Contributor, DetectorRole, Finding
from detector.detection.persistence import Persistence
from detector.tables.ranking import fleet_key


class SeveralCulprits:
    """R66k: a few hosts own more than 66 % of the faults beyond the usual rate."""

    name: Final = "r66k"
    action: Final = ActionKind.REPLACE_HOST
    role: Final = DetectorRole.HOST

    def __init__(self, config: EvaluateConfig) -> None:
        self._config = config

    def persistence(self, subject: str) -> Persistence | None:  # noqa: ARG002 (same for all)
        """Return the persistence of guarded mode, for every subject."""
        return self._config.guarded

    def who(self, contributor: Contributor) -> str:
        """Name a host."""
        return host_name(contributor)

    def examine(
        self, view: FleetView, asked: Collection[Contributor]
    ) -> Mapping[Contributor, Finding]:
        """Find the few hosts that own the excess, and the hosts in ``asked``."""
        culprits, share = self._culprits(view)
        rows = {*culprits, *(view.rows_of(asked) if asked else ())}
        return {
            fleet_key(view.window, row): rate_finding(
                view,
                row,
                HostGroup(
                    group_share=share if row in culprits else 0.0,
                    share_threshold=self._config.share,
                    **host_counts(view, row).plain(),
                ),
                met=row in culprits,
                confirmed=row in culprits,
            )
            for row in sorted(rows)
        }

    def _culprits(self, view: FleetView) -> tuple[tuple[int, ...], float]:
        """Return the rows of the culprits, worst first, and their share of the excess faults."""
        sure = np.flatnonzero(view.beyond_doubt)
        excess = view.share_test.excess[sure]
        order = np.argsort(-excess, kind="stable")
        sums = np.cumsum(excess[order])
        # The clean hosts' faults beyond their own rate add up to nothing.
        total = max(float(view.share_test.excess.sum()), float(excess.sum()))
        if total < self._config.min_total_faults:
            return (), 0.0
        count = int(np.searchsorted(sums, self._config.share * total, side="right")) + 1
        most = max(R66K_LEAST_MOST, int(R66K_FLEET_FRACTION * len(view.window.hosts)))
        if not R66K_LEAST_MOST <= count <= min(most, sure.size):
            return (), 0.0
        least = float(excess[order[count - 1]])
        if least < self._config.min_contributor_faults:
            return (), 0.0
        return tuple(sure[order[:count]].tolist()), float(sums[count - 1]) / total
