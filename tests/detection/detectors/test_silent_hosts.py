"""Who is silent, since when, and whether the silent lie in one zone against chance."""

from dataclasses import replace

import numpy as np
import pytest

from detector.detection import constants
from detector.detection.detectors.silent_hosts import SilentHosts
from detector.tables.reports import FleetWindow
from tests.support.windows import PANE, WINDOW, Host, fleet_of, meta_of, paned, peers


def present(
    number: int, quiet: dict[str, float], hosts: list[Host], requests: float = 300.0
) -> FleetWindow:
    """Show a window in which some hosts were last heard so many seconds before its end."""
    window = fleet_of([replace(each, requests=requests) for each in hosts], meta_of(number))
    end = window.meta.window.end_ms
    window.last_seen_ms[:] = [end - 1000.0 * quiet.get(name, 0.5) for name in window.hosts]
    return paned(window, [0.0] * len(hosts))


FLEET = peers(10)


def test_a_host_is_silent_after_three_panes() -> None:
    silent = SilentHosts()
    silent.add(present(0, {"az1-peer-003": 29.0}, FLEET), 99)
    assert 0 == len(silent)
    silent.add(present(1, {"az1-peer-003": 31.0}, FLEET), 99)
    found = silent.get(("az1", "az1-peer-003"))
    assert found is not None
    assert meta_of(1).window.end_ms - 31_000 == found.last_seen_ms
    assert found.rate == pytest.approx(300.0 / 29.0)


def test_a_host_with_little_traffic_is_silent_by_chance() -> None:
    """24 requests in the half minute before: its silence has a chance of e^-24 and is let pass."""
    silent = SilentHosts()
    silent.add(present(0, {"az1-peer-003": 31.0}, FLEET, requests=23.0), 99)
    assert 0 == len(silent)


def test_it_stays_silent_when_it_has_left_the_window_until_it_is_heard_or_an_hour_passed() -> None:
    silent = SilentHosts()
    silent.add(present(0, {"az1-peer-003": 31.0}, FLEET), 99)
    silent.add(present(10, {}, [each for each in FLEET if each.name != "az1-peer-003"]), 99)
    assert 1 == len(silent)
    again = SilentHosts.restored(silent.snapshot())
    again.add(present(11, {}, FLEET), 99)
    assert 0 == len(again)
    hour = constants.SILENT_FORGET_MS // PANE
    silent.add(present(hour - 4, {}, FLEET[:1]), 99)
    assert 1 == len(silent)
    silent.add(present(hour - 2, {}, FLEET[:1]), 99)
    assert 0 == len(silent)


def test_no_more_are_remembered_than_there_is_room_for() -> None:
    silent = SilentHosts()
    quiet = {each.name: 31.0 for each in FLEET[:5]}
    silent.add(present(0, quiet, FLEET), 3)
    assert 3 == len(silent)
    assert [("az1", "az1-peer-000"), ("az1", "az1-peer-001")] == silent.busiest(2)


def test_without_panes_nobody_is_silent() -> None:
    silent = SilentHosts()
    window = present(0, {"az1-peer-003": 31.0}, FLEET)
    silent.add(replace(window, meta=replace(window.meta, newest=None)), 99)
    assert 0 == len(silent)
    assert WINDOW == window.meta.window.end_ms - window.meta.window.start_ms


def test_silent_hosts_of_one_zone_are_weighed_against_those_of_the_others() -> None:
    hosts = [*peers(30, "az1"), *peers(30, "az2"), *peers(30, "az3")]
    silent = SilentHosts()
    window = present(0, {f"az1-peer-{n:03}": 31.0 for n in range(15)}, hosts)
    silent.add(window, 99)
    zones = silent.zones(window)
    assert (15, 30, 15, 90, True) == (
        zones["az1"].silent,
        zones["az1"].present,
        zones["az1"].silent_in_all,
        zones["az1"].present_in_all,
        zones["az1"].is_in_doubt,
    )
    assert zones["az1"].p_value < 1e-8
    assert (0, 1.0, False) == (
        zones["az2"].silent,
        zones["az2"].p_value,
        zones["az2"].is_in_doubt,
    )


def test_a_zone_that_is_gone_altogether_is_still_counted() -> None:
    hosts = [*peers(30, "az1"), *peers(30, "az2"), *peers(30, "az3")]
    silent = SilentHosts()
    silent.add(present(0, {each.name: 31.0 for each in hosts[:30]}, hosts), 99)
    later = present(9, {}, hosts[30:])
    silent.add(later, 99)
    zones = silent.zones(later)
    assert (30, 30, 90, True) == (
        zones["az1"].silent,
        zones["az1"].present,
        zones["az1"].present_in_all,
        zones["az1"].is_in_doubt,
    )


@pytest.mark.parametrize(
    "quiet",
    [
        {f"{zone}-peer-{n:03}": 31.0 for zone in ("az1", "az2") for n in range(15)},
        {f"az1-peer-{n:03}": 31.0 for n in range(2)},
    ],
)
def test_two_zones_or_two_hosts_are_no_zone_in_doubt(quiet: dict[str, float]) -> None:
    hosts = [*peers(30, "az1"), *peers(30, "az2"), *peers(30, "az3")]
    silent = SilentHosts()
    window = present(0, quiet, hosts)
    silent.add(window, 99)
    assert not any(zone.is_in_doubt for zone in silent.zones(window).values())


def test_a_single_zone_has_none_to_be_compared_with() -> None:
    hosts = peers(30)
    silent = SilentHosts()
    window = present(0, {each.name: 31.0 for each in hosts[:15]}, hosts)
    silent.add(window, 99)
    assert not silent.zones(window)["az1"].is_in_doubt
    assert np.all(window.requests > 0)
