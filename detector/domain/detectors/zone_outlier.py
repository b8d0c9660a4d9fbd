"""Z1: one zone, and only one, has more faults than its requests explain.

Law: a zone alarm is raised by all gates of the zone test at once, so it is confirmed whenever its
condition holds.
"""

from collections.abc import Collection, Mapping
from typing import Final

import numpy as np

from detector.domain.alarm_config import EvaluateConfig
from detector.domain.alarms import Target
from detector.domain.detectors.fleet_view import FleetView
from detector.domain.findings import Contributor, Finding, with_numbers
from detector.domain.reports import FleetWindow
from detector.domain.sentences import plain_name, zone_words
from detector.domain.standing import Persistence
from detector.domain.statistics import FloatArray
from detector.domain.vocabulary import ActionKind
from detector.domain.zone_test import ZoneGate, ZoneTestResult, zone_test


class ZoneOutlier:
    """The zone test: one zone, and only one, has more faults than its requests explain."""

    name: Final = "zone"
    action: Final = ActionKind.SHIFT_AWAY

    def __init__(self, config: EvaluateConfig) -> None:
        self._config = config

    def persistence(self, subject: str) -> Persistence | None:  # noqa: ARG002 (same for all)
        """Return the persistence of guarded mode, whatever the subject."""
        return self._config.guarded

    def who(self, contributor: Contributor) -> str:
        """Name a zone."""
        return f"zone {plain_name(contributor[0])}"

    def examine(
        self, view: FleetView, asked: Collection[Contributor]
    ) -> Mapping[Contributor, Finding]:
        """Find the zone that stands out, if there is one, and the zones asked about."""
        window = view.window
        # With fewer faults no zone can pass the gates, and most windows of most services have few.
        if not asked and view.total < self._config.zone_test.min_faults:
            return {}
        test = zone_test(
            window.zone_index,
            window.requests,
            window.faults,
            len(window.zones),
            self._config.zone_test,
            suspect=view.accused,
        )
        return {
            (zone.zone,): self._finding(view, test, number)
            for number, zone in enumerate(window.zones)
            if test.flagged[number] or (zone.zone,) in asked
        }

    def _finding(self, view: FleetView, test: ZoneTestResult, number: int) -> Finding:
        window = view.window
        zone = window.zones[number]
        faults = _by_zone(window, window.faults)
        requests = _by_zone(window, window.requests)
        next_zone = int(np.argmax(np.where(np.arange(faults.size) == number, -1.0, faults)))
        has_next = faults.size > 1 and faults[next_zone] > 0.0
        gates = test.reasons[number]
        evidence = with_numbers(
            window.meta,
            total=view.total,
            value=float(faults[number]),
            share=float(faults[number]) / view.total if view.total > 0.0 else 0.0,
            threshold=float(test.exposure[number]),
            runner_up=(window.zones[next_zone].zone,) if has_next else (),
            runner_up_share=float(faults[next_zone]) / view.total if has_next else 0.0,
            requests=float(requests[number]),
            sample_count=float(requests.sum()),
            p_value=float(test.p_value[number]),
            rate_ratio=float(test.rate_ratio[number]),
            excess_faults=_excess(view, number),
            peers=len(window.zones) - 1,
            fleet_hosts=len(window.hosts),
            zone_hosts=int(np.count_nonzero(window.zone_index == number)),
            zones=len(window.zones),
            suspects=int(np.count_nonzero(view.accused)),
            confirmed=bool(test.flagged[number]),
            fleet_event=ZoneGate.ANOTHER_ZONE_ELEVATED in gates,
            failed_gates=tuple(gate.value for gate in gates),
        )
        target = Target(window.service, zone.zone, zone.zone_id, zone.zone_name)
        what = f"faults of {plain_name(window.service)}"
        elevated = int(test.elevated_hosts[number])
        words = zone_words(self.who((zone.zone,)), what, evidence, elevated)
        return Finding(bool(test.flagged[number]), target, evidence, words)


def _by_zone(window: FleetWindow, column: FloatArray) -> FloatArray:
    total: FloatArray = np.bincount(window.zone_index, column, len(window.zones)).astype(np.float64)
    return total


def _excess(view: FleetView, number: int) -> float:
    """Count the faults of a zone beyond the rate of the clean hosts of the other zones."""
    window = view.window
    own = window.zone_index == number
    peers = ~own & ~view.accused
    served = float(window.requests[peers].sum())
    rate = float(window.faults[peers].sum()) / served if served > 0.0 else 0.0
    return float(window.faults[own].sum()) - rate * float(window.requests[own].sum())
