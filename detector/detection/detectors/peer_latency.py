"""D4, peer latency: a host slower than its peers for longer than noise explains.

Law: findings are a function of the windows examined, in order. A window that overlaps one already
read adds nothing, so one record of evidence is one whole window, whatever the slide. Gaps between
windows do not count: evidence is counted in records.

The statistic and its derivation are in ``slow_evidence``, the noise in ``fleet_noise``, the peers
in ``peer_ratios``, every number in ``constants``. Persistence is part of the evidence, so a host
that is slow by the evidence of one window is found.

Known limits: latency is the mean of what a host logged in the window. Hosts with fewer than a
quarter of the usual number of observations are skipped, because their means are noisier than the
measured noise. A zone that is slow as a whole accuses none of its hosts; the zone test of slow
requests covers it. At most ``LATENCY_SERVICES`` services are tracked.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

import numpy as np

from detector.core.vocabulary import ActionKind
from detector.detection import constants
from detector.detection.alarms import Target
from detector.detection.config import EvaluateConfig
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.evidence import Evidence, HostLatency
from detector.detection.explanations import latency_words, plain_name
from detector.detection.findings import Contributor, DetectorRole, Finding, evidence_of
from detector.detection.fleet_noise import Key
from detector.detection.peer_ratios import log_ratios
from detector.detection.persistence import Persistence
from detector.detection.slow_evidence import SlowEvidence
from detector.detection.statistics import FloatArray
from detector.tables.reports import FleetWindow


class PeerLatency:
    """Finds hosts that are slower than the other hosts of their zone."""

    name: Final = "latency"
    action: Final = ActionKind.REPLACE_HOST
    role: Final = DetectorRole.HOST

    def __init__(self, config: EvaluateConfig) -> None:
        self._config = config
        self._services: dict[str, SlowEvidence] = {}

    def persistence(self, subject: str) -> Persistence | None:  # noqa: ARG002 (same for all)
        """Return that one window is enough: the evidence already persists."""
        return Persistence(1, self._config.windows_seen)

    def who(self, contributor: Contributor) -> str:
        """Name a host."""
        zone, host = contributor
        return f"host {plain_name(host)} in {plain_name(zone)}"

    def examine(
        self, view: FleetView, asked: Collection[Contributor]
    ) -> Mapping[Contributor, Finding]:
        """Read the window if no part of it was read before, and find the slow hosts."""
        window = view.window
        known = self._services.get(window.subject)
        if not window.latencies.any() and known is None:
            return {}
        if known is None:
            if len(self._services) >= constants.LATENCY_SERVICES:
                return {}
            known = self._services[window.subject] = SlowEvidence()
        is_new = window.meta.window.start_ms >= known.end_ms
        slow = {} if is_new else known.slow()
        if not (is_new or slow or asked):
            return {}
        latency = _mean_latency(window)
        ratios = log_ratios(latency, window.zone_index)
        if is_new:
            self._read(known, window, ratios)
            slow = known.slow()
        rows = view.rows_of({*slow, *asked}) if slow or asked else set()
        most = constants.LATENCY_SHARED_FRACTION * len(window.hosts)
        shared = len(slow) > max(most, constants.LATENCY_SHARED_HOSTS)
        findings: dict[Contributor, Finding] = {}
        for row in sorted(rows):
            key = window.zones[int(window.zone_index[row])].zone, window.hosts[row]
            score = known.score(key)
            evidence, measure = _evidence(window, row, ratios, latency, score, len(slow), shared)
            words = latency_words(self.who(key), evidence, measure, sigma=known.noise.sigma)
            findings[key] = Finding(key in slow, _target(window, row), evidence, words)
        return findings

    def _read(self, known: SlowEvidence, window: FleetWindow, ratios: FloatArray) -> None:
        others = [each for each in self._services.values() if each is not known]
        remembered = sum(len(each.against) for each in others)
        panels = sum(len(each.noise.panel) for each in others)
        zones = [ref.zone for ref in window.zones]
        row_by_key: dict[Key, int] = {
            (zones[zone], host): row
            for row, (zone, host) in enumerate(
                zip(window.zone_index.tolist(), window.hosts, strict=True)
            )
        }
        known.read(
            ratios,
            row_by_key,
            room=max(constants.LATENCY_REMEMBERED - remembered, 0),
            panel_room=max(constants.LATENCY_PANELS_IN_ALL - panels, 0),
        )
        known.end_ms = window.meta.window.end_ms

    def snapshot(self) -> Any:
        """Return noise and evidence of each service."""
        return [[subject, each.snapshot()] for subject, each in sorted(self._services.items())]

    def restore(self, plain: Any) -> None:
        """Continue from a snapshot."""
        self._services = {subject: SlowEvidence.restored(each) for subject, each in plain}


def _mean_latency(window: FleetWindow) -> FloatArray:
    """Return the mean latency of each host in microseconds; NaN with too few observations."""
    if not window.latencies.size:
        return np.full(len(window.hosts), np.nan)
    present = window.latencies > 0.0
    usual = float(np.median(window.latencies[present])) if present.any() else 0.0
    enough = present & (window.latencies >= constants.LATENCY_LEAST_COUNT_PART * usual)
    mean: FloatArray = np.full(present.size, np.nan)
    np.divide(window.latency_us, window.latencies, out=mean, where=enough)
    return mean


def _evidence(
    window: FleetWindow,
    row: int,
    ratios: FloatArray,
    latency: FloatArray,
    score: float,
    slow: int,
    shared: bool,
) -> tuple[Evidence, HostLatency]:
    own = window.zone_index == window.zone_index[row]
    near = int(np.count_nonzero(own & np.isfinite(latency))) - int(np.isfinite(latency[row]))
    peers = near
    if near < constants.LATENCY_LEAST_PEERS:
        peers = int(np.count_nonzero(np.isfinite(latency))) - int(np.isfinite(latency[row]))
    ratio = float(np.exp(ratios[row])) if np.isfinite(ratios[row]) else 0.0
    own_ms = float(np.nan_to_num(latency[row])) / 1000.0
    measure = HostLatency(
        latency_ms=own_ms,
        peer_latency_ms=own_ms / ratio if ratio else 0.0,
        evidence_fraction=min(score, 1.0),
        requests=float(window.requests[row]),
        fleet_requests=float(window.requests.sum()),
    )
    evidence = evidence_of(
        window.meta,
        measure,
        rate_ratio=ratio,
        peers=peers,
        fleet_hosts=len(window.hosts),
        zone_hosts=int(np.count_nonzero(own)),
        zones=len(window.zones),
        suspects=slow,
        confirmed=score >= 1.0 and not shared,
        fleet_event=shared,
    )
    return evidence, measure


def _target(window: FleetWindow, row: int) -> Target:
    zone = window.zones[int(window.zone_index[row])]
    return Target(window.service, zone.zone, zone.zone_id, zone.zone_name, window.hosts[row])
