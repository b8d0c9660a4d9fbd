"""D1, the share test on its own: hosts with more faults than their requests explain.

Law: it finds gray hosts above a background of faults, where no host ever owns 66 % of them. It
tests every host in every window, so it is stricter than when it confirms the finding of another
detector; a host that it names is confirmed.
"""

from collections.abc import Collection, Mapping
from typing import Final

import numpy as np

from detector.core.vocabulary import ActionKind
from detector.detection.config import EvaluateConfig
from detector.detection.constants import MOST_NAMED
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.detectors.host_findings import host_counts, host_name, rate_finding
from detector.detection.evidence import HostRate
from detector.detection.findings import Contributor, DetectorRole, Finding
from detector.detection.persistence import Persistence
from detector.tables.ranking import fleet_key


class ShareOutlier:
    """The share test at a level that holds for months of windows."""

    name: Final = "share"
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
        """Find the worst hosts beyond doubt, and the hosts in ``asked``."""
        met = np.flatnonzero(view.beyond_doubt)
        worst = met[np.argsort(-view.share_test.excess[met], kind="stable")[:MOST_NAMED]]
        rows = {*worst.tolist(), *(view.rows_of(asked) if asked else ())}
        return {fleet_key(view.window, row): _finding(view, row) for row in sorted(rows)}


def _finding(view: FleetView, row: int) -> Finding:
    met = bool(view.beyond_doubt[row])
    counts = host_counts(view, row)
    measure = HostRate(share=counts.share, **counts.plain())
    return rate_finding(view, row, measure, met=met, confirmed=met)
