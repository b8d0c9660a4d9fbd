"""D5, silence: hosts that stopped logging, and a zone in which many did.

Law: silence is never taken for failure. A silent host may have been removed, and a silent zone may
only have lost its log collector; so an alarm of this detector requests no action and is never
confirmed. It notifies people, and it counts in the diagnosis.

Theory of operation: a host is silent when it logged nothing for three panes in which it should have
served at least 25 requests at its previous rate. It stays silent until it logs again or an hour has
passed. A zone is in doubt when the silent hosts are concentrated in it beyond chance
(hypergeometric), are a tenth of its hosts, and no other zone has lost a tenth.

Known limits: hosts with fewer requests are not tracked, because their silence is chance. A window
must be longer than three panes. A host that leaves while windows are incomplete is not noticed.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

import numpy as np

from detector.detection import constants
from detector.detection.alarms import Target
from detector.detection.config import EvaluateConfig
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.detectors.host_findings import host_name
from detector.detection.detectors.silent_hosts import Silent, SilentHosts, ZoneCount
from detector.detection.evidence import HostSilence, ZoneSilence
from detector.detection.explanations import plain_name, silence_words, silent_zone_words
from detector.detection.findings import Contributor, DetectorRole, Finding, evidence_of
from detector.detection.persistence import Persistence
from detector.tables.reports import ZoneRef

AT_ONCE: Final = Persistence(1, 1)


class Silence:
    """Missing telemetry of hosts and zones; the contributor is zone and host, or a zone."""

    name: Final = "silence"
    action: Final = None
    role: Final = DetectorRole.TELEMETRY

    def __init__(self, config: EvaluateConfig) -> None:
        self._config = config
        self._silent: dict[str, SilentHosts] = {}

    def persistence(self, subject: str) -> Persistence | None:  # noqa: ARG002 (same for all)
        """Return that one window is enough: three silent panes have passed already."""
        return AT_ONCE

    def who(self, contributor: Contributor) -> str:
        """Name a host or a zone."""
        if len(contributor) > 1:
            return host_name(contributor)
        return f"zone {plain_name(contributor[0])}"

    def examine(
        self, view: FleetView, asked: Collection[Contributor]
    ) -> Mapping[Contributor, Finding]:
        """Find silent hosts, the busiest first, or the zone in which they lie."""
        silent = self._silent.setdefault(view.window.subject, SilentHosts())
        elsewhere = sum(len(each) for each in self._silent.values()) - len(silent)
        silent.add(view.window, constants.SILENT_REMEMBERED - elsewhere)
        if not len(silent) and not asked:
            return {}
        present = len(view.window.hosts)
        most = max(constants.SILENT_NAMED_LEAST, constants.SILENT_NAMED_FRACTION * present)
        worst = silent.busiest(constants.SILENT_NAMED) if len(silent) <= most else []
        hosts = sorted({*worst, *(key for key in asked if len(key) > 1)})
        findings = {key: self._host(view, key, silent.get(key)) for key in hosts}
        for zone, tally in silent.zones(view.window).items():
            if tally.is_in_doubt or (zone,) in asked:
                findings[zone,] = self._zone(view, zone, tally)
        return findings

    def snapshot(self) -> Any:
        """Return the silent hosts of each service."""
        kept = {subject: each for subject, each in self._silent.items() if len(each)}
        return [[subject, each.snapshot()] for subject, each in sorted(kept.items())]

    def restore(self, plain: Any) -> None:
        """Continue from a snapshot."""
        self._silent = {subject: SilentHosts.restored(each) for subject, each in plain}

    def _host(self, view: FleetView, key: Contributor, silent: Silent | None) -> Finding:
        window, (zone, host) = view.window, key
        seconds = expected = 0.0
        if silent is not None:
            seconds = (window.meta.window.end_ms - silent.last_seen_ms) / 1000
            expected = silent.rate * seconds
        evidence = evidence_of(
            window.meta,
            HostSilence(expected_requests=expected, fleet_requests=float(window.requests.sum())),
            p_value=float(np.exp(-expected)),
            peers=max(len(window.hosts) - 1, 0),
            fleet_hosts=len(window.hosts),
            zones=len(window.zones),
        )
        ref = _zone_of(view, zone)
        target = Target(window.service, ref.zone, ref.zone_id, ref.zone_name, host)
        words = silence_words(self.who(key), seconds, expected)
        return Finding(silent is not None, target, evidence, words)

    def _zone(self, view: FleetView, zone: str, tally: ZoneCount) -> Finding:
        window = view.window
        measure = ZoneSilence(
            silent_hosts=float(tally.silent),
            fleet_silent_hosts=float(tally.silent_in_all),
            share=tally.silent / max(tally.silent_in_all, 1),
            fraction_threshold=constants.SILENT_ZONE_FRACTION,
            fleet_requests=float(window.requests.sum()),
        )
        evidence = evidence_of(
            window.meta,
            measure,
            p_value=tally.p_value,
            peers=max(len(window.zones) - 1, 0),
            fleet_hosts=tally.present_in_all,
            zone_hosts=tally.present,
            zones=len(window.zones),
        )
        ref = _zone_of(view, zone)
        target = Target(window.service, ref.zone, ref.zone_id, ref.zone_name)
        words = silent_zone_words(self.who((zone,)), evidence, measure)
        return Finding(tally.is_in_doubt, target, evidence, words)


def _zone_of(view: FleetView, zone: str) -> ZoneRef:
    """Return both names of a zone; a zone that left the window has only the known one."""
    found = (ref for ref in view.window.zones if ref.zone == zone)
    return next(found, ZoneRef(zone, zone, ""))
