"""D6, caller-out: callers whose requests fail on every host, and the hosts that they clear.

Law: a host that is like its peers without its worst caller is not blamed; the caller is named
instead. A caller is no target: no action is ever taken against it.
"""

from collections.abc import Collection, Mapping
from typing import Final

import numpy as np

from detector.detection.config import EvaluateConfig
from detector.detection.constants import MOST_NAMED
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.evidence import CallerFaults
from detector.detection.explanations import caller_words, plain_name
from detector.detection.findings import Contributor, DetectorRole, Finding, evidence_of
from detector.detection.persistence import Persistence


class CallerOut:
    """Finds callers that explain the faults of the hosts that they call."""

    name: Final = "caller"
    action: Final = None
    role: Final = DetectorRole.CALLER

    def __init__(self, config: EvaluateConfig) -> None:
        self._config = config

    def persistence(self, subject: str) -> Persistence | None:  # noqa: ARG002 (same for all)
        """Return the persistence of guarded mode, for every subject."""
        return self._config.guarded

    def who(self, contributor: Contributor) -> str:
        """Name a caller."""
        return f"caller {plain_name(contributor[0])}"

    def examine(
        self, view: FleetView, asked: Collection[Contributor]
    ) -> Mapping[Contributor, Finding]:
        """Find the callers that clear a host, and the callers in ``asked``."""
        window = view.window
        blamed = {window.caller_names[row] for row in view.caller_blamed_rows}
        worst = sorted(blamed, key=lambda name: (-self._faults(view, name), name))[:MOST_NAMED]
        names = {*worst, *(name for (name,) in asked)}
        return {(name,): self._finding(view, name, met=name in blamed) for name in sorted(names)}

    @staticmethod
    def _faults(view: FleetView, name: str) -> float:
        faults = view.window.caller_faults
        return float(sum(faults[row] for row in view.rows_by_caller.get(name, ())))

    def _finding(self, view: FleetView, name: str, *, met: bool) -> Finding:
        window, value = view.window, self._faults(view, name)
        cleared = [row for row in view.caller_blamed_rows if window.caller_names[row] == name]
        measure = CallerFaults(
            faults=value,
            fleet_faults=view.total,
            share=value / view.total if view.total > 0.0 else 0.0,
            fleet_requests=float(window.requests.sum()),
        )
        evidence = evidence_of(
            window.meta,
            measure,
            peers=max(len(view.rows_by_caller) - 1, 0),
            fleet_hosts=len(window.hosts),
            zones=len(window.zones),
            suspects=int(np.count_nonzero(view.accused)),
            blamed_caller=name if met else "",
        )
        what = f"faults of {plain_name(window.service)}"
        words = caller_words(self.who((name,)), what, evidence, measure, len(cleared))
        return Finding(met, None, evidence, words)
