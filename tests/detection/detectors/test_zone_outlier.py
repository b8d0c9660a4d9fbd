"""What is said of zones, by each signal: which one stands out, and why the others do not."""

import numpy as np
import pytest

from detector.core.vocabulary import ActionKind, AlarmMode
from detector.detection.alarms import Target
from detector.detection.config import EvaluateConfig
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.detectors.zone_outlier import (
    ZONE_CONNECTIONS,
    ZONE_FAULTS,
    ZONE_SLOW,
    ZoneOutlier,
    ZoneSignal,
)
from detector.detection.evidence import ZoneShare
from detector.detection.findings import Contributor, Finding
from detector.detection.persistence import Persistence
from tests.support.detectors import measured
from tests.support.windows import Host, fleet_of, peers

CONFIG = EvaluateConfig()
GRAY = Host("gray", faults=300.0, zone="az1")


def zones_found(
    hosts: list[Host], asked: tuple[Contributor, ...] = ()
) -> dict[Contributor, Finding]:
    return dict(ZoneOutlier(CONFIG).examine(FleetView(fleet_of(hosts), CONFIG), asked))


def test_a_bad_zone_is_named_and_no_host() -> None:
    hosts = [*peers(40, "az1", 9.0), *peers(40, "az2", 0.1), *peers(40, "az3", 0.1)]
    ((contributor, finding),) = zones_found(hosts).items()
    evidence = finding.evidence
    assert (("az1",), True, True) == (contributor, finding.met, evidence.confirmed)
    assert Target("checkout", "az1", "az1", "name-of-az1") == finding.target
    assert (368.0, 360.0, ("az2",)) == (
        round(measured(evidence, ZoneShare).fleet_events, 6),
        measured(evidence, ZoneShare).events,
        measured(evidence, ZoneShare).runner_up,
    )
    assert (40_000.0, 120_000.0, 2, 120, 40, 3) == (
        measured(evidence, ZoneShare).attempts,
        measured(evidence, ZoneShare).fleet_attempts,
        evidence.peers,
        evidence.fleet_hosts,
        evidence.zone_hosts,
        evidence.zones,
    )
    assert 356.0 == round(evidence.excess_faults, 6)
    assert 0.333 == round(measured(evidence, ZoneShare).expected_share, 3)
    assert "zone az1 has 97.8 % of the 368 faults of checkout" in finding.words
    assert "40 of 40 hosts elevated" in finding.words


def test_one_bad_host_is_not_a_bad_zone() -> None:
    hosts = [GRAY, *peers(39, "az1"), *peers(40, "az2"), *peers(40, "az3")]
    assert {} == zones_found(hosts)
    finding = zones_found(hosts, (("az1",), ("gone",)))["az1",]
    assert (False, False) == (finding.met, finding.evidence.confirmed)
    assert "worst_host_explains_it" in finding.evidence.failed_gates
    assert () == measured(finding.evidence, ZoneShare).runner_up
    assert "not flagged" in finding.words


def test_two_bad_zones_are_a_wider_event() -> None:
    hosts = [*peers(40, "az1", 9.0), *peers(40, "az2", 9.0), *peers(40, "az3", 0.1)]
    assert {} == zones_found(hosts)
    assert zones_found(hosts, (("az1",),))["az1",].evidence.fleet_event


def test_few_faults_are_not_looked_at_unless_asked() -> None:
    hosts = [*peers(10, "az1", 1.0), *peers(10, "az2")]
    assert {} == zones_found(hosts)
    assert [("az2",)] == list(zones_found(hosts, (("az2",),)))


def test_a_single_zone_has_no_peer() -> None:
    hosts = peers(40, "az1", 9.0)
    assert {} == zones_found(hosts)
    finding = zones_found(hosts, (("az1",),))["az1",]
    assert "no_peer_zone" in finding.evidence.failed_gates
    assert finding.evidence.excess_faults == 360.0


def test_a_zone_asked_about_in_a_window_without_faults_has_a_share_of_zero() -> None:
    finding = zones_found([*peers(3, "az1"), *peers(3, "az2")], (("az1",),))["az1",]
    assert 0.0 == measured(finding.evidence, ZoneShare).share


@pytest.mark.parametrize(
    ("signal", "words", "requests"),
    [
        (ZONE_FAULTS, "faults", 40_000.0),
        (ZONE_SLOW, "slow requests", 40_000.0),
        (ZONE_CONNECTIONS, "connection failures", 40_360.0),
    ],
)
def test_each_signal_is_a_detector_of_its_own(
    signal: ZoneSignal, words: str, requests: float
) -> None:
    """Forty hosts of az1 with nine events each; a failed connection is one more attempt."""
    window = fleet_of([*peers(40, "az1"), *peers(40, "az2"), *peers(40, "az3")])
    column = {"zone": window.faults, "zone_slow": window.slow}
    events = column.get(signal.name, window.connection_failures)
    events[:] = np.where(window.zone_index == 0, 9.0, 0.1)
    detectors = [ZoneOutlier(CONFIG, each) for each in (ZONE_FAULTS, ZONE_SLOW, ZONE_CONNECTIONS)]
    found = {each.name: each.examine(FleetView(window, CONFIG), ()) for each in detectors}
    assert [signal.name] == [name for name, findings in found.items() if findings]
    finding = found[signal.name]["az1",]
    assert (True, 360.0, True) == (
        finding.met,
        measured(finding.evidence, ZoneShare).events,
        finding.evidence.confirmed,
    )
    assert requests == measured(finding.evidence, ZoneShare).attempts
    assert f"{words} of checkout" in finding.words


def test_a_zone_whose_faults_are_one_caller_s_is_not_to_blame() -> None:
    """Every host of az1 has nine faults, eight of them of one caller; others call everywhere."""
    bad = [Host(f"a{n}", 9.0, zone="az1", caller="poison", caller_faults=9.0) for n in range(40)]
    well = [
        Host(f"{zone}{n}", 1.0, zone=zone, caller="usual", caller_faults=1.0)
        for zone in ("az2", "az3")
        for n in range(40)
    ]
    assert {} == zones_found([*bad, *well])
    finding = zones_found([*bad, *well], (("az1",),))["az1",]
    assert ("caller_explains_it",) == finding.evidence.failed_gates
    config = EvaluateConfig(caller_out=False)
    found = ZoneOutlier(config).examine(FleetView(fleet_of([*bad, *well]), config), ())
    assert [("az1",)] == list(found)


def test_persistence_is_that_of_guarded_mode_whatever_the_subject() -> None:
    config = EvaluateConfig(modes={"fleet:a": AlarmMode.CLASSIC, "fleet:b": AlarmMode.OFF})
    zone = ZoneOutlier(config)
    assert {Persistence(3, 5)} == {zone.persistence("fleet:a"), zone.persistence("fleet:b")}
    assert (ActionKind.SHIFT_AWAY, "zone az1") == (zone.action, zone.who(("az1",)))
