"""D7, the fleet guard: trouble on many hosts has a shared cause, so it holds actions back.

Law: the guard never requests an action; it only holds actions back. For zone shifts it leaves out
the worst zone, because otherwise a zone in trouble could never be shifted away. Actions on single
hosts are held back as soon as any reason applies to the whole fleet.

Reasons: the clean hosts fail five times as often as in the last hour; more than 5 % of the hosts
are suspect; two zones stand out; a fifth of the hosts is missing. Actions resume after two calm
minutes.

Known limits: in its first five minutes with a service the guard does not know the usual level, and
only suspects and zones count. A level that lasts becomes the usual one: after a quarter of an hour
at ten times the rate, the rate no longer holds actions back.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

import numpy as np

from detector.detection import constants
from detector.detection.config import EvaluateConfig
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.detectors.usual_level import UsualLevel
from detector.detection.evidence import FleetRate
from detector.detection.explanations import guard_words, plain_name
from detector.detection.findings import Contributor, DetectorRole, Finding, evidence_of
from detector.detection.persistence import Persistence
from detector.detection.statistics import BoolArray
from detector.detection.zone_test import ZoneGate

RATE: Final = "rate_of_all"
SUSPECTS: Final = "many_suspects"
ZONES: Final = "several_zones"
MISSING: Final = "hosts_missing"
FLEET: Final[Contributor] = ("fleet",)
AT_ONCE: Final = Persistence(1, 1)


class FleetGuard:
    """Holds back actions on single hosts, or on a zone, when the cause is shared."""

    name: Final = "guard"
    action: Final = None
    role: Final = DetectorRole.FLEET

    def __init__(self, config: EvaluateConfig) -> None:
        self._config = config
        self._usual: dict[str, UsualLevel] = {}

    def persistence(self, subject: str) -> Persistence | None:  # noqa: ARG002 (same for all)
        """Return that one window is enough: in doubt, hold back."""
        return AT_ONCE

    def who(self, contributor: Contributor) -> str:
        """Name the fleet."""
        return f"the {plain_name(contributor[0])}"

    def examine(
        self, view: FleetView, asked: Collection[Contributor]
    ) -> Mapping[Contributor, Finding]:
        """Report whether actions are held back, and add the window to the usual level."""
        window = view.window
        usual = self._level(window.subject)
        reasons = [reason for reason, holds in _reasons(view, usual, None).items() if holds]
        beyond = [
            reason for reason, holds in _reasons(view, usual, _worst_zone(view)).items() if holds
        ]
        self._remember(view, usual, (*dict.fromkeys((*reasons, *beyond)),), zones=bool(beyond))
        is_frozen = window.meta.window.end_ms < usual.frozen_until_ms
        if not is_frozen and FLEET not in asked:
            return {}
        return {FLEET: self._finding(view, usual, met=is_frozen)}

    def snapshot(self) -> Any:
        """Return the usual level of each service."""
        return [[subject, each.snapshot()] for subject, each in sorted(self._usual.items())]

    def restore(self, plain: Any) -> None:
        """Continue from a snapshot."""
        self._usual = {subject: UsualLevel.restored(each) for subject, each in plain}

    def _level(self, subject: str) -> UsualLevel:
        if subject not in self._usual and len(self._usual) >= constants.GUARD_REMEMBERED:
            oldest = min(self._usual, key=lambda name: (self._usual[name].end_ms, name))
            del self._usual[oldest]
        return self._usual.setdefault(subject, UsualLevel())

    @staticmethod
    def _remember(
        view: FleetView, usual: UsualLevel, reasons: tuple[str, ...], *, zones: bool
    ) -> None:
        window, end_ms = view.window, view.window.meta.window.end_ms
        if reasons:
            was_frozen = end_ms < usual.frozen_until_ms
            usual.freezes_zones = zones or (was_frozen and usual.freezes_zones)
            usual.reasons, usual.frozen_until_ms = reasons, end_ms + constants.GUARD_REST_MS
        clean = ~view.accused
        hosts = np.bincount(window.zone_index, minlength=len(window.zones)).tolist()
        usual.add(
            end_ms,
            float(window.faults[clean].sum()),
            float(window.requests[clean].sum()),
            {ref.zone: int(hosts[number]) for number, ref in enumerate(window.zones)},
        )

    def _finding(self, view: FleetView, usual: UsualLevel, *, met: bool) -> Finding:
        window = view.window
        evidence = evidence_of(
            window.meta,
            FleetRate(
                faults=view.total,
                requests=float(window.requests.sum()),
                usual_rate=usual.rate,
            ),
            fleet_hosts=len(window.hosts),
            zones=len(window.zones),
            suspects=view.accused_count,
            fleet_event=met and usual.freezes_zones,
            failed_gates=usual.reasons if met else (),
        )
        words = guard_words(f"fleet {plain_name(window.service)}", evidence.failed_gates, evidence)
        return Finding(met, None, evidence, words)


def _reasons(view: FleetView, usual: UsualLevel, without: int | None) -> dict[str, bool]:
    """Evaluate every reason, for the fleet or for the rest of it without one zone."""
    window = view.window
    rows: BoolArray = np.ones(len(window.hosts), np.bool_)
    if without is not None:
        rows = window.zone_index != without
    clean = rows & ~view.accused
    hosts = int(np.count_nonzero(rows))
    suspects = int(np.count_nonzero(view.accused & rows))
    most = max(constants.GUARD_SUSPECT_HOSTS, constants.GUARD_SUSPECT_FRACTION * hosts)
    expected = constants.GUARD_TIMES * usual.rate * float(window.requests[clean].sum())
    beyond = float(window.faults[clean].sum()) - expected
    alone = [set(gates) == {ZoneGate.ANOTHER_ZONE_ELEVATED} for gates in _gates(view)]
    return {
        RATE: usual.is_known and beyond >= constants.GUARD_MIN_FAULTS,
        SUSPECTS: view.share_test.fleet_event or suspects > most,
        ZONES: sum(alone) > 1,
        MISSING: _is_missing(view, usual, without),
    }


def _gates(view: FleetView) -> tuple[tuple[ZoneGate, ...], ...]:
    enough = view.total >= view.config.zone_test.min_faults
    return view.zone_faults_test.reasons if enough else ()


def _is_missing(view: FleetView, usual: UsualLevel, without: int | None) -> bool:
    window = view.window
    before = dict(usual.hosts())
    if not (usual.is_known and before):
        return False
    present = np.bincount(window.zone_index, minlength=len(window.zones)).tolist()
    now = {ref.zone: float(present[number]) for number, ref in enumerate(window.zones)}
    if without is not None:
        # The zone that lost most, which need not be the one that fails most.
        left_out = max(before, key=lambda zone: (before[zone] - now.get(zone, 0.0), zone))
        before.pop(left_out)
        now.pop(left_out, None)
    expected, present = sum(before.values()), sum(now.get(zone, 0.0) for zone in before)
    least = (1.0 - constants.GUARD_MISSING_FRACTION) * expected
    return expected >= constants.GUARD_LEAST_HOSTS and present < least


def _worst_zone(view: FleetView) -> int | None:
    """Return the zone whose hosts fail most; ``None`` when the service has only one zone."""
    window = view.window
    if len(window.zones) < 2:  # noqa: PLR2004, a zone needs another beside it.
        return None
    requests = np.bincount(window.zone_index, window.requests, len(window.zones))
    faults = np.bincount(window.zone_index, window.faults, len(window.zones))
    return int(np.argmax(faults / np.maximum(requests, 1.0)))
