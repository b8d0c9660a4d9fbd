"""All detectors, in the order in which they examine a window."""

from detector.detection.config import EvaluateConfig
from detector.detection.detectors.caller_out import CallerOut
from detector.detection.detectors.contributor_66_percent import Contributor66Percent
from detector.detection.detectors.fleet_guard import FleetGuard
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.detectors.host_66_percent import Host66Percent
from detector.detection.detectors.peer_latency import PeerLatency
from detector.detection.detectors.sequential import SequentialTest
from detector.detection.detectors.several_culprits import SeveralCulprits
from detector.detection.detectors.share_outlier import ShareOutlier
from detector.detection.detectors.silence import Silence
from detector.detection.detectors.zone_outlier import (
    ZONE_CONNECTIONS,
    ZONE_FAULTS,
    ZONE_SLOW,
    ZoneOutlier,
)
from detector.detection.findings import Detector
from detector.tables.reports import RuleWindow


def fleet_detectors(config: EvaluateConfig) -> tuple[Detector[FleetView], ...]:
    """Create the detectors of fleets, each with an empty memory."""
    return (
        Host66Percent(config),
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
    """Return the names of all detectors, as alarms, settings and metrics use them."""
    config = EvaluateConfig()
    fleets = [detector.name for detector in fleet_detectors(config)]
    return tuple(dict.fromkeys([*fleets, *(each.name for each in rule_detectors(config))]))


def rule_detectors(config: EvaluateConfig) -> tuple[Detector[RuleWindow], ...]:
    """Create the detectors of contributor rules."""
    return (Contributor66Percent(config),)
