"""The demo's script blames three zones, in order, and leaves each alarm enough windows."""

import json
from collections import Counter

import pytest

from detector.gameday.faults import GrayHost, GrayZone
from detector.gameday.fleet import Fleet
from detector.gameday.script import Script, Timing

START_MS = 1_790_000_003_210
PANE_MS = 10_000
ZONE_FROM_MS = START_MS + round(Timing().zone_from * 1000)


def test_the_script_is_decided_by_the_seed() -> None:
    expected = Script.default(Fleet(8), START_MS)
    assert expected == Script.default(Fleet(8), START_MS)
    blamed = {Script.default(Fleet(seed), START_MS).expected().host for seed in range(20)}
    assert 20 == len(blamed)


@pytest.mark.parametrize("seed", range(30))
def test_host_and_zone_faults_never_share_a_zone(seed: int) -> None:
    fleet = Fleet(seed)
    expected = Script.default(fleet, START_MS).expected()
    host = next(host for host in fleet.hosts if host.host_id == expected.host)
    assert host.zone.zone_id == expected.host_zone
    assert 3 == len({expected.host_zone, expected.zone, expected.second_zone})


def test_faults_come_one_after_another_with_health_between() -> None:
    script = Script.default(Fleet(1), START_MS)
    expected = script.expected()
    seen: list[list[str]] = []
    for second in range(0, 300, 5):
        at = START_MS + second * 1000
        named = [
            fault.host if isinstance(fault, GrayHost) else fault.zone
            for fault in script.faults_at(at)
            if isinstance(fault, GrayHost | GrayZone)
        ]
        phase = script.phase_at(at)
        assert ([] if phase is None else [phase.fault]) == list(script.faults_at(at))
        if not seen or seen[-1] != named:
            seen.append(named)
    assert [[], [expected.host], [], [expected.zone], [], [expected.second_zone], []] == seen
    assert START_MS + 255_000 == script.end_ms


def test_the_phases_follow_the_timing() -> None:
    timing = Timing(gray_from=1.5, gray_until=2.0)
    first = Script.default(Fleet(1), START_MS, timing).phases[0]
    assert (START_MS + 1500, START_MS + 2000) == (first.from_ms, first.until_ms)
    assert (1500, 2000) == (first.fault.from_ms - START_MS, (first.fault.until_ms or 0) - START_MS)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_gray_host_owns_two_thirds_of_its_services_faults_in_three_windows(seed: int) -> None:
    """An independent recount of the 66 % rule: three windows in a row before the zone degrades."""
    fleet = Fleet(seed)
    script = Script.default(fleet, START_MS)
    host = script.expected().host
    service = next(h.service for h in fleet.hosts if h.host_id == host)
    hosts = {h.host_id.encode(): h for h in fleet.hosts}
    faults: Counter[tuple[int, bytes]] = Counter()
    for key, value, event_ms in fleet.events(START_MS, ZONE_FROM_MS, script.faults):
        status = json.loads(value)["Status"]
        if hosts[key].service == service and status >= 500:
            faults[event_ms // PANE_MS, key] += 1
    shares = []
    for end in range(START_MS // PANE_MS + 1, ZONE_FROM_MS // PANE_MS + 1):
        window = {place: n for place, n in faults.items() if end - 6 <= place[0] < end}
        own = sum(n for (_, key), n in window.items() if key == host.encode())
        shares.append(own / sum(window.values()))
    print("seed", seed, "shares", shares)
    assert 3 <= sum(share > 0.66 for share in shares)


def test_a_fleet_of_two_zones_has_no_script() -> None:
    with pytest.raises(ValueError, match="fleet has 2 zones, expected at least 3"):
        Script.default(Fleet(1, zones=2), START_MS)


def test_a_zone_without_a_busy_host_gives_its_busiest() -> None:
    fleet = Fleet(6, hosts_per_zone=1)
    hosts = {Script.default(Fleet(seed, hosts_per_zone=1), 0).expected().host for seed in range(9)}
    assert 9 == len(hosts)
    assert Script.default(fleet, 0).expected().host in {host.host_id for host in fleet.hosts}
