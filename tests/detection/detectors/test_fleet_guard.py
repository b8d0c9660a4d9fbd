"""The guard holds actions back when the cause is shared, and never stands in a sick zone's way."""

import msgspec
import numpy as np
import pytest

from detector.detection import constants
from detector.detection.config import EvaluateConfig
from detector.detection.detectors.fleet_guard import FLEET, FleetGuard
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.findings import Finding
from detector.detection.persistence import Persistence
from tests.support.windows import PANE, Host, fleet_of, meta_of, peers

CONFIG = EvaluateConfig()
WARM = constants.GUARD_WARM_UP_MS // PANE + 1
ZONES = ("az1", "az2", "az3")


def healthy(hosts: int = 40) -> list[Host]:
    return [host for zone in ZONES for host in peers(hosts, zone, 1.0)]


def see(guard: FleetGuard, number: int, hosts: list[Host], service: str = "s") -> Finding | None:
    view = FleetView(fleet_of(hosts, meta_of(number), service), CONFIG)
    return guard.examine(view, ()).get(FLEET)


def warmed(hosts: list[Host] | None = None) -> FleetGuard:
    """Show a guard five minutes of a healthy fleet."""
    guard = FleetGuard(CONFIG)
    for number in range(WARM):
        assert see(guard, number, hosts or healthy()) is None
    return guard


def reasons(finding: Finding | None) -> tuple[tuple[str, ...], bool]:
    assert finding is not None
    return finding.evidence.failed_gates, finding.evidence.fleet_event


def test_a_rate_of_all_six_times_the_usual_holds_everything_back() -> None:
    hosts = [host for zone in ZONES for host in peers(40, zone, 6.0)]
    finding = see(warmed(), WARM, hosts)
    assert (("rate_of_all",), True) == reasons(finding)
    assert finding is not None
    assert (True, None, False) == (finding.met, finding.target, finding.evidence.confirmed)
    assert finding.words.startswith("fleet s in the 60 s to")
    assert finding.words.endswith("rate_of_all; the cause is shared")


def test_before_anything_is_usual_a_rate_says_nothing() -> None:
    hosts = [host for zone in ZONES for host in peers(40, zone, 6.0)]
    assert see(FleetGuard(CONFIG), 0, hosts) is None


def test_a_rate_of_one_zone_leaves_the_zone_free_to_be_left() -> None:
    """Forty hosts of 120 at twelve times the rate: more than half of it is theirs."""
    hosts = [*peers(40, "az1", 16.0), *peers(40, "az2", 1.0), *peers(40, "az3", 1.0)]
    gates, shared = reasons(see(warmed(), WARM, hosts))
    assert (("rate_of_all",), False) == (gates, shared)


def test_suspects_in_several_zones_hold_everything_back() -> None:
    """Seven of 120 are more than 5 %, spread so that no zone has them."""
    hosts = healthy()
    for place in (0, 1, 2, 40, 41, 42, 80, 81, 82):
        hosts[place] = Host(hosts[place].name, 500.0, zone=hosts[place].zone)
    gates, shared = reasons(see(FleetGuard(CONFIG), 0, hosts))
    assert (("many_suspects",), True) == (gates, shared)


@pytest.mark.parametrize(("bad", "held"), [(2, False), (3, True)])
def test_a_small_fleet_may_have_two_suspects(bad: int, *, held: bool) -> None:
    hosts = [*(Host(f"b{n}", 500.0, zone="az1") for n in range(bad)), *peers(17, "az1", 1.0)]
    assert held is (see(FleetGuard(CONFIG), 0, hosts) is not None)


def test_more_than_half_suspect_is_a_fleet_event_whatever_the_number() -> None:
    hosts = [*(Host(f"b{n}", 900.0) for n in range(3)), *peers(2)]
    view_of_it = FleetView(fleet_of(hosts), CONFIG)
    assert view_of_it.share_test.fleet_event is (see(FleetGuard(CONFIG), 0, hosts) is not None)


def test_two_zones_of_twenty_that_stand_out_hold_everything_back() -> None:
    """Were there no other, each would pass all gates of the zone test."""
    hosts = [host for zone in ("az1", "az2") for host in peers(40, zone, 9.0)]
    hosts += [host for n in range(18) for host in peers(40, f"other-{n:02}", 1.0)]
    gates, shared = reasons(see(FleetGuard(CONFIG), 0, hosts))
    assert "several_zones" in gates
    assert shared


def test_a_fifth_of_the_hosts_gone_holds_actions_back() -> None:
    """29 of each zone's 40 are left; in one zone alone that is that zone's matter."""
    everywhere = [host for zone in ZONES for host in peers(29, zone, 1.0)]
    assert (("hosts_missing",), True) == reasons(see(warmed(), WARM, everywhere))
    one_zone = [*peers(5, "az1", 1.0), *peers(40, "az2", 1.0), *peers(40, "az3", 1.0)]
    assert (("hosts_missing",), False) == reasons(see(warmed(), WARM, one_zone))
    gone = [*peers(40, "az2", 1.0), *peers(40, "az3", 1.0)]
    assert (("hosts_missing",), False) == reasons(see(warmed(), WARM, gone))


def test_in_a_fleet_of_a_few_hosts_one_is_no_fifth() -> None:
    few = peers(6, "az1", 1.0)
    assert see(warmed(few), WARM, few[:4]) is None


def test_it_rests_for_two_minutes_and_then_lets_go() -> None:
    guard = warmed()
    assert see(guard, WARM, [host for zone in ZONES for host in peers(40, zone, 6.0)])
    rest = constants.GUARD_REST_MS // PANE
    held = [see(guard, WARM + 1 + n, healthy()) is not None for n in range(rest)]
    assert [*[True] * (rest - 1), False] == held


def test_when_it_is_asked_it_says_that_all_is_as_usual() -> None:
    view = FleetView(fleet_of(healthy()), CONFIG)
    finding = FleetGuard(CONFIG).examine(view, (FLEET,))[FLEET]
    assert (False, ()) == (finding.met, finding.evidence.failed_gates)
    assert finding.words.startswith("fleet checkout is as usual in the 60 s to")


def test_a_level_that_lasts_becomes_the_usual_one() -> None:
    guard = warmed()
    worse = [host for zone in ZONES for host in peers(40, zone, 8.0)]
    held = [see(guard, WARM + n, worse) is not None for n in range(360)]
    assert held[0]
    assert not held[-1]


@pytest.mark.parametrize("cut", [0, 1, WARM, WARM + 1, WARM + 5])
def test_a_restart_at_any_window_changes_nothing(cut: int) -> None:
    worse = [host for zone in ZONES for host in peers(40, zone, 6.0)]
    course = [*[healthy()] * WARM, worse, *[healthy()] * 15]
    whole, first, second = (FleetGuard(CONFIG) for _ in range(3))
    expected = [see(whole, number, hosts) for number, hosts in enumerate(course)]
    told = [see(first, number, hosts) for number, hosts in enumerate(course[:cut])]
    second.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(first.snapshot())))
    told += [see(second, number, hosts) for number, hosts in enumerate(course[cut:], cut)]
    assert expected == told
    assert whole.snapshot() == second.snapshot()


def test_of_too_many_services_the_one_not_heard_for_longest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(constants, "GUARD_REMEMBERED", 2)
    guard = FleetGuard(CONFIG)
    for number, service in enumerate("abca"):
        see(guard, number, healthy(), service)
    assert ["fleet:a", "fleet:c"] == [subject for subject, _ in guard.snapshot()]


def test_what_it_is_called_and_asks_for() -> None:
    guard = FleetGuard(CONFIG)
    assert ("guard", None, Persistence(1, 1)) == (
        guard.name,
        guard.action,
        guard.persistence("fleet:x"),
    )
    assert "the fleet" == guard.who(FLEET)
    assert np.isfinite(constants.GUARD_TIMES)
