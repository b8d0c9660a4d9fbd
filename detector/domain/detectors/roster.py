"""Which detectors there are, in the order in which they examine a window."""

from detector.domain.alarm_config import EvaluateConfig
from detector.domain.detectors.caller_out import CallerOut
from detector.domain.detectors.dominance import HostShare
from detector.domain.detectors.fleet_guard import FleetGuard
from detector.domain.detectors.fleet_view import FleetView
from detector.domain.detectors.peer_latency import PeerLatency
from detector.domain.detectors.rule_dominance import ContributorShare
from detector.domain.detectors.sequential import SequentialTest
from detector.domain.detectors.several_culprits import SeveralCulprits
from detector.domain.detectors.share_outlier import ShareOutlier
from detector.domain.detectors.silence import Silence
from detector.domain.detectors.zone_outlier import (
    ZONE_CONNECTIONS,
    ZONE_FAULTS,
    ZONE_SLOW,
    ZoneOutlier,
)
from detector.domain.findings import Detector
from detector.domain.reports import RuleWindow


def fleet_detectors(config: EvaluateConfig) -> tuple[Detector[FleetView], ...]:
    """Make the detectors of fleets, each with what it remembers still empty."""
    return (
        HostShare(config),
        ShareOutlier(config),
        SeveralCulprits(config),
        SequentialTest(config),
        PeerLatency(config),
        CallerOut(config),
        *(ZoneOutlier(config, signal) for signal in (ZONE_FAULTS, ZONE_SLOW, ZONE_CONNECTIONS)),
        Silence(config),
        FleetGuard(config),
    )


def detector_names() -> tuple[str, ...]:
    """Name all detectors; alarms, settings and metrics call them so."""
    config = EvaluateConfig()
    fleets = [detector.name for detector in fleet_detectors(config)]
    return tuple(dict.fromkeys([*fleets, *(each.name for each in rule_detectors(config))]))


def rule_detectors(config: EvaluateConfig) -> tuple[Detector[RuleWindow], ...]:
    """Make the detectors of contributor rules."""
    return (ContributorShare(config),)
