"""Silence is told and never acted upon: of a host, and of a zone that much of is silent."""

import msgspec
import pytest

from detector.detection.alarms import Target
from detector.detection.config import EvaluateConfig
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.detectors.silence import Silence
from detector.detection.evidence import HostSilence, ZoneSilence
from detector.detection.findings import Contributor, Finding
from detector.detection.persistence import Persistence
from detector.tables.reports import FleetWindow
from tests.support.detectors import measured
from tests.support.windows import Host, fleet_of, meta_of, paned, peers

CONFIG = EvaluateConfig()
HOSTS = [*peers(30, "az1"), *peers(30, "az2"), *peers(30, "az3")]


def heard(number: int, quiet: int, hosts: list[Host] = HOSTS, seconds: float = 31.0) -> FleetWindow:
    """Show a window in which the first ``quiet`` hosts have been silent for so long."""
    window = fleet_of(hosts, meta_of(number))
    end = window.meta.window.end_ms
    window.last_seen_ms[:] = [
        end - (1000.0 * seconds if row < quiet else 500.0) for row in range(len(hosts))
    ]
    return paned(window, [0.0] * len(hosts))


def see(test: Silence, window: FleetWindow, *asked: Contributor) -> dict[Contributor, Finding]:
    return dict(test.examine(FleetView(window, CONFIG), asked))


def test_a_silent_host_is_told_with_what_it_missed_and_asks_for_nothing() -> None:
    test = Silence(CONFIG)
    ((key, finding),) = see(test, heard(0, 1)).items()
    assert (("az1", "az1-peer-000"), True, False) == (
        key,
        finding.met,
        finding.evidence.confirmed,
    )
    assert Target("checkout", "az1", "az1", "name-of-az1", "az1-peer-000") == finding.target
    assert 31.0 * 1000 / 29 == pytest.approx(
        measured(finding.evidence, HostSilence).expected_requests
    )
    assert finding.words == (
        "host az1-peer-000 in az1 has been silent for 31 s, in which about 1,069 requests were to "
        "be expected"
    )
    assert (None, Persistence(1, 1)) == (test.action, test.persistence("fleet:x"))


def test_a_host_that_is_heard_again_is_said_to_be() -> None:
    test = Silence(CONFIG)
    see(test, heard(0, 1))
    finding = see(test, heard(1, 0), ("az1", "az1-peer-000"))["az1", "az1-peer-000"]
    assert (False, 0.0) == (
        finding.met,
        measured(finding.evidence, HostSilence).expected_requests,
    )
    assert {} == see(test, heard(2, 0))


def test_many_silent_hosts_of_a_zone_are_the_zone_and_not_each_a_host() -> None:
    test = Silence(CONFIG)
    ((key, finding),) = see(test, heard(0, 15)).items()
    assert (("az1",), True, False) == (key, finding.met, finding.evidence.confirmed)
    assert Target("checkout", "az1", "az1", "name-of-az1") == finding.target
    assert (15.0, 15.0, 30, 90) == (
        measured(finding.evidence, ZoneSilence).silent_hosts,
        measured(finding.evidence, ZoneSilence).fleet_silent_hosts,
        finding.evidence.zone_hosts,
        finding.evidence.fleet_hosts,
    )
    assert finding.words.startswith("15 of the 30 hosts of zone az1 are silent in the 60 s to")
    assert finding.words.endswith("the zone, or what collects its logs")
    assert ("zone az1", "host h in az1") == (test.who(("az1",)), test.who(("az1", "h")))


def test_a_zone_that_has_left_the_window_goes_by_the_name_that_is_known() -> None:
    test = Silence(CONFIG)
    see(test, heard(0, 30))
    finding = see(test, heard(9, 0, HOSTS[30:]))["az1",]
    assert Target("checkout", "az1", "az1", "") == finding.target


def test_a_zone_asked_about_that_is_well_again_is_measured() -> None:
    test = Silence(CONFIG)
    see(test, heard(0, 15))
    finding = see(test, heard(1, 0), ("az1",))["az1",]
    assert (False, 0.0, 1.0) == (
        finding.met,
        measured(finding.evidence, ZoneSilence).share,
        finding.evidence.p_value,
    )


def test_what_is_remembered_survives_a_restart() -> None:
    first, second = Silence(CONFIG), Silence(CONFIG)
    see(first, heard(0, 1))
    second.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(first.snapshot())))
    assert first.snapshot() == second.snapshot()
    assert see(first, heard(9, 0, HOSTS[1:])) == see(second, heard(9, 0, HOSTS[1:]))
    assert [] == Silence(CONFIG).snapshot()
