"""D0, the talk's rule: one host owns more than 66 % of the faults of its fleet.

Law: the 66 % rule raises the alarm; only an alarm that the share test confirms may lead to an
action.
"""

from collections.abc import Collection, Mapping
from typing import Final

from detector.core.vocabulary import ActionKind
from detector.detection.config import EvaluateConfig
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.detectors.host_findings import (
    host_counts,
    host_evidence,
    host_name,
    host_target,
)
from detector.detection.evidence import HostShare
from detector.detection.explanations import host_words, plain_name
from detector.detection.findings import Contributor, DetectorRole, Finding
from detector.detection.persistence import Persistence
from detector.tables.ranking import fleet_key


class Host66Percent:
    """The 66 % rule (R66) on hosts."""

    name: Final = "r66"
    action: Final = ActionKind.REPLACE_HOST
    role: Final = DetectorRole.HOST

    def __init__(self, config: EvaluateConfig) -> None:
        self._config = config

    def persistence(self, subject: str) -> Persistence | None:
        """Return the persistence of the subject's mode."""
        return self._config.persistence_of(subject)

    def who(self, contributor: Contributor) -> str:
        """Name a host."""
        return host_name(contributor)

    def examine(
        self, view: FleetView, asked: Collection[Contributor]
    ) -> Mapping[Contributor, Finding]:
        """Find the host above the threshold, if any, and the hosts in ``asked``."""
        window, top = view.window, view.top
        rows = view.rows_of(asked) if asked else set()
        leader = -1
        if top.top_index >= 0:
            value = float(window.faults[top.top_index])
            if self._config.is_dominant(window.subject, value, view.total):
                leader = top.top_index
                rows.add(leader)
        return {
            fleet_key(window, row): self._finding(view, row, met=row == leader)
            for row in sorted(rows)
        }

    def _finding(self, view: FleetView, row: int, *, met: bool) -> Finding:
        counts = host_counts(view, row)
        measure = HostShare(
            share=counts.share, share_threshold=self._config.share, **counts.plain()
        )
        evidence = host_evidence(view, row, measure)
        what = f"faults of {plain_name(view.window.service)}"
        who = host_name(fleet_key(view.window, row))
        return Finding(
            met, host_target(view, row), evidence, host_words(who, what, evidence, measure)
        )
