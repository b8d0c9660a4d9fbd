"""What the peer-latency detector says of a fleet, window by window."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from detector.detection import constants
from detector.detection.alarms import Target
from detector.detection.config import EvaluateConfig
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.detectors.peer_latency import PeerLatency
from detector.detection.evidence import HostLatency
from detector.detection.findings import Contributor, Finding, Stateful
from detector.detection.persistence import Persistence
from detector.tables.reports import FleetWindow
from tests.support.detectors import measured
from tests.support.windows import Host, fleet_of, meta_of

CONFIG = EvaluateConfig()
PANES = 6
SICK = ("az1", "sick")


def window_of(
    latency: dict[str, float],
    number: int,
    counts: dict[str, float] | None = None,
    service: str = "checkout",
) -> FleetWindow:
    """The ``number``-th whole window; mean latency in milliseconds by host, all in az1."""
    hosts = [Host(name) for name in sorted(latency)]
    window = fleet_of(hosts, meta_of(number * PANES), service)
    seen = np.array([(counts or {}).get(host.name, 100.0) for host in hosts])
    means = np.array([latency[host.name] for host in hosts])
    return replace(window, latency_us=means * 1000.0 * seen, latencies=seen)


def fleet(sick: float = 10.0, peers: int = 11) -> dict[str, float]:
    return {f"h{number:02}": 10.0 for number in range(peers)} | {"sick": sick}


def examined(
    windows: Sequence[FleetWindow],
    asked: Sequence[Contributor] = (),
    detector: PeerLatency | None = None,
) -> list[dict[Contributor, Finding]]:
    detector = detector or PeerLatency(CONFIG)
    return [dict(detector.examine(FleetView(window, CONFIG), asked)) for window in windows]


def test_a_host_of_twice_the_latency_is_found_in_the_eighth_window() -> None:
    found = examined([window_of(fleet(20.0), number) for number in range(9)])
    assert [{}] * 7 == found[:7]
    assert [[SICK], [SICK]] == [list(each) for each in found[7:]]
    finding = found[7][SICK]
    evidence = finding.evidence
    assert (True, True, False) == (finding.met, evidence.confirmed, evidence.fleet_event)
    assert Target("checkout", "az1", "az1", "name-of-az1", "sick") == finding.target
    assert (20.0, 10.0, 2.0) == pytest.approx(
        (
            measured(evidence, HostLatency).latency_ms,
            measured(evidence, HostLatency).peer_latency_ms,
            evidence.rate_ratio,
        )
    )
    assert measured(evidence, HostLatency).evidence_fraction == 1.0
    assert (11, 12, 12, 1, 1) == (
        evidence.peers,
        evidence.fleet_hosts,
        evidence.zone_hosts,
        evidence.zones,
        evidence.suspects,
    )
    assert finding.words.startswith("host sick in az1 took 20 ms a request in the 60 s to ")
    assert finding.words.endswith(
        ", 2.00 times the 10 ms of its 11 peers, 100 % of the evidence needed at a noise of 5 %"
    )


def test_windows_that_overlap_add_nothing_and_still_answer() -> None:
    detector = PeerLatency(CONFIG)
    slides = [
        replace(window_of(fleet(20.0), 0), meta=meta_of(number)) for number in range(8 * PANES)
    ]
    found = examined(slides, detector=detector)
    first = next(number for number, each in enumerate(found) if each)
    assert 7 * PANES == first
    assert all(found[first:])


def test_a_gap_between_windows_counts_nothing() -> None:
    windows = [window_of(fleet(20.0), number * 1_000) for number in range(8)]
    assert [7] == [number for number, each in enumerate(examined(windows)) if each]


def test_whoever_is_asked_about_is_answered() -> None:
    asked = [SICK, ("az1", "h00"), ("az1", "gone")]
    (found,) = examined([window_of(fleet(12.0), 0)], asked)
    assert {SICK: False, ("az1", "h00"): False} == {key: each.met for key, each in found.items()}
    assert 1.2 == pytest.approx(found[SICK].evidence.rate_ratio)
    assert 0.0 == measured(found[SICK].evidence, HostLatency).evidence_fraction


def test_hosts_with_few_observations_are_not_judged() -> None:
    counts = {"sick": 24.0}
    windows = [window_of(fleet(20.0), number, counts) for number in range(12)]
    found = examined(windows, [SICK])
    assert not any(each[SICK].met for each in found)
    assert found[0][SICK].words.startswith("host sick in az1 logged too little latency in the 60 s")
    assert (0.0, 11) == (found[0][SICK].evidence.rate_ratio, found[0][SICK].evidence.peers)
    enough = [window_of(fleet(20.0), number, {"sick": 25.0}) for number in range(12)]
    assert examined(enough)[-1]


def test_in_a_small_zone_the_peers_are_those_of_the_fleet() -> None:
    windows = []
    for number in range(9):
        window = window_of(fleet(20.0), number)
        near = np.array([1 if host in {"sick", "h00"} else 0 for host in window.hosts])
        windows.append(replace(window, zone_index=near, zones=window.zones * 2))
    finding = examined(windows)[-1][SICK]
    assert (11, 2) == (finding.evidence.peers, finding.evidence.zone_hosts)


def test_when_many_are_slow_the_cause_is_shared_and_nobody_is_confirmed() -> None:
    latency = fleet(20.0, 30) | {f"slow{number}": 20.0 for number in range(4)}
    found = examined([window_of(latency, number) for number in range(9)])[-1]
    assert 5 == len(found)
    assert {(True, False, True)} == {
        (each.met, each.evidence.confirmed, each.evidence.fleet_event) for each in found.values()
    }
    assert found[SICK].words.endswith("; so many hosts are slow that the cause is shared")


def test_a_fleet_that_logs_no_latency_costs_nothing() -> None:
    detector = PeerLatency(CONFIG)
    silent = fleet_of([Host(name) for name in fleet()], meta_of(0))
    assert [{}] == examined([silent], [SICK], detector)
    assert [] == detector.snapshot()
    # Once followed, a window without latency is one without records.
    examined([window_of(fleet(20.0), 1)], detector=detector)
    before = detector.snapshot()[0][1][1:]
    (found,) = examined([replace(silent, meta=meta_of(2 * PANES))], [SICK], detector)
    assert not found[SICK].met
    assert before == detector.snapshot()[0][1][1:]
    zeros = replace(silent, latency_us=np.zeros(12), latencies=np.zeros(12))
    examined([replace(zeros, meta=meta_of(3 * PANES))], detector=detector)
    assert before == detector.snapshot()[0][1][1:]


def test_a_snapshot_between_any_two_windows_changes_nothing() -> None:
    windows = [
        window_of(fleet(20.0), number // 2, service=("cart", "checkout")[number % 2])
        for number in range(20)
    ]
    whole = PeerLatency(CONFIG)
    expected = examined(windows, detector=whole)
    detector, found = PeerLatency(CONFIG), []
    for window in windows:
        found += examined([window], detector=detector)
        plain = msgspec.msgpack.decode(msgspec.msgpack.encode(detector.snapshot()))
        detector = PeerLatency(CONFIG)
        detector.restore(plain)
    assert (expected, whole.snapshot()) == (found, detector.snapshot())
    assert isinstance(detector, Stateful)


def test_services_beyond_the_bound_are_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "LATENCY_SERVICES", 1)
    monkeypatch.setattr(constants, "LATENCY_PANELS_IN_ALL", 5)
    monkeypatch.setattr(constants, "LATENCY_REMEMBERED", 1)
    detector = PeerLatency(CONFIG)
    names = ("cart", "checkout")
    windows = [
        window_of(fleet(20.0), number, service=name) for number in range(30) for name in names
    ]
    found = examined(windows, detector=detector)
    assert (True, False) == (bool(found[-2]), bool(found[-1]))
    ((subject, (_, noise, _)),) = detector.snapshot()
    assert ("fleet:cart", 5) == (subject, len(noise[2][0]))


def test_once_is_enough_and_a_host_is_named() -> None:
    detector = PeerLatency(CONFIG)
    assert Persistence(1, CONFIG.windows_seen) == detector.persistence("fleet:checkout")
    assert "host sick in az1" == detector.who(SICK)
