"""Z1: one zone, and only one, has more of a signal than its requests explain.

Law: a zone alarm needs all gates of the zone test at once, so it is confirmed whenever its
condition holds. Each signal (faults, slow requests, connection failures) is a detector of its own
with its own name and switch. ``silence`` reports missing hosts, because a silent zone may be
healthy.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from detector.core.vocabulary import ActionKind
from detector.detection.alarms import Target
from detector.detection.config import EvaluateConfig
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.evidence import ZoneShare
from detector.detection.explanations import plain_name, zone_words
from detector.detection.findings import Contributor, DetectorRole, Finding, evidence_of
from detector.detection.persistence import Persistence
from detector.detection.statistics import FloatArray
from detector.detection.zone_test import ZoneGate, ZoneTestResult, zone_test
from detector.tables.reports import FleetWindow


@dataclass(frozen=True, slots=True)
class ZoneSignal:
    """What is counted for a zone: ``events`` out of ``trials``, each per host."""

    name: str
    words: str
    events: Callable[[FleetWindow], FloatArray]
    trials: Callable[[FleetWindow], FloatArray]


ZONE_FAULTS: Final = ZoneSignal("zone", "faults", lambda w: w.faults, lambda w: w.requests)
ZONE_SLOW: Final = ZoneSignal("zone_slow", "slow requests", lambda w: w.slow, lambda w: w.requests)
# A connection that failed is no request that was served, but it was tried.
ZONE_CONNECTIONS: Final = ZoneSignal(
    "zone_connections",
    "connection failures",
    lambda w: w.connection_failures,
    lambda w: w.requests + w.connection_failures,
)


class ZoneOutlier:
    """The zone test of one signal."""

    action: Final = ActionKind.SHIFT_AWAY
    role: Final = DetectorRole.ZONE

    def __init__(self, config: EvaluateConfig, signal: ZoneSignal = ZONE_FAULTS) -> None:
        self._config = config
        self._signal = signal

    @property
    def name(self) -> str:
        """What alarms of this signal are called."""
        return self._signal.name

    def persistence(self, subject: str) -> Persistence | None:  # noqa: ARG002 (same for all)
        """Return the persistence of guarded mode, for every subject."""
        return self._config.guarded

    def who(self, contributor: Contributor) -> str:
        """Name a zone."""
        return f"zone {plain_name(contributor[0])}"

    def examine(
        self, view: FleetView, asked: Collection[Contributor]
    ) -> Mapping[Contributor, Finding]:
        """Find the zone that stands out, if any, and the zones in ``asked``."""
        window = view.window
        events = self._signal.events(window)
        # With fewer no zone can pass the gates, and most windows of most services have few.
        if not asked and float(events.sum()) < self._config.zone_test.min_faults:
            return {}
        trials = self._signal.trials(window)
        test = (
            view.zone_faults_test
            if self._signal is ZONE_FAULTS
            else zone_test(
                window.zone_index,
                trials,
                events,
                len(window.zones),
                self._config.zone_test,
                suspect=view.accused,
            )
        )
        return {
            (zone.zone,): self._finding(view, test, number, events, trials)
            for number, zone in enumerate(window.zones)
            if test.flagged[number] or (zone.zone,) in asked
        }

    def _finding(
        self,
        view: FleetView,
        test: ZoneTestResult,
        number: int,
        events: FloatArray,
        trials: FloatArray,
    ) -> Finding:
        window = view.window
        zone = window.zones[number]
        counted, tried = _by_zone(window, events), _by_zone(window, trials)
        total = float(counted.sum())
        next_zone = int(np.argmax(np.where(np.arange(counted.size) == number, -1.0, counted)))
        has_next = counted.size > 1 and counted[next_zone] > 0.0
        gates = test.reasons[number]
        measure = ZoneShare(
            signal=self._signal.words.replace(" ", "_"),
            events=float(counted[number]),
            fleet_events=total,
            share=float(counted[number]) / total if total > 0.0 else 0.0,
            expected_share=float(test.exposure[number]),
            attempts=float(tried[number]),
            fleet_attempts=float(tried.sum()),
            runner_up=(window.zones[next_zone].zone,) if has_next else (),
            runner_up_share=float(counted[next_zone]) / total if has_next else 0.0,
        )
        evidence = evidence_of(
            window.meta,
            measure,
            p_value=float(test.p_value[number]),
            rate_ratio=float(test.rate_ratio[number]),
            excess_faults=_excess(view, number, events, trials),
            peers=len(window.zones) - 1,
            fleet_hosts=len(window.hosts),
            zone_hosts=int(np.count_nonzero(window.zone_index == number)),
            zones=len(window.zones),
            suspects=view.accused_count,
            confirmed=bool(test.flagged[number]),
            fleet_event=ZoneGate.ANOTHER_ZONE_ELEVATED in gates,
            failed_gates=tuple(gate.value for gate in gates),
        )
        target = Target(window.service, zone.zone, zone.zone_id, zone.zone_name)
        what = f"{self._signal.words} of {plain_name(window.service)}"
        elevated = int(test.elevated_hosts[number])
        words = zone_words(self.who((zone.zone,)), what, evidence, measure, elevated)
        return Finding(bool(test.flagged[number]), target, evidence, words)


def _by_zone(window: FleetWindow, column: FloatArray) -> FloatArray:
    total: FloatArray = np.bincount(window.zone_index, column, len(window.zones)).astype(np.float64)
    return total


def _excess(view: FleetView, number: int, events: FloatArray, trials: FloatArray) -> float:
    """Return the events of a zone beyond the rate of the clean hosts of the other zones."""
    own = view.window.zone_index == number
    peers = ~own & ~view.accused
    served = float(trials[peers].sum())
    rate = float(events[peers].sum()) / served if served > 0.0 else 0.0
    return float(events[own].sum()) - rate * float(trials[own].sum())
