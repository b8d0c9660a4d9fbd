"""Tables of hosts and contributors: who is in a window, with what, and how sure that is."""

import numpy as np
import pytest

from detector.tables.contributor_window import VersionTable
from detector.tables.host_window import CALLER_HOSTS, FleetTable
from detector.tables.pane_encoding import fleet_panes, rule_pane
from detector.tables.reports import WindowMeta, ZoneRef
from detector.tables.windows import Window
from tests.support.panes import PANE

META = WindowMeta(Window(0, 60_000), complete=True, partial=False, missing_partitions=(), late=0)
ORDER = ("logs", 0, 0)
Contributors = dict[tuple[str, ...], float]
Cells = dict[tuple[str, str, str], list[float | str]]


def fleet_of(
    cells: Cells, callers: dict[tuple[str, str, str], dict[str, float]] | None = None
) -> FleetTable:
    table = FleetTable("checkout", 6)
    table.stage(0, ORDER, fleet_panes(cells, callers or {})[0])
    table.close(0)
    return table


def test_a_fleet_window_names_its_zones_and_hosts_in_order() -> None:
    window = fleet_of(
        {
            ("checkout", "az2", "h1"): [1.0, 0.0, 0.0, 0.0, 7.0, "az2", "east-b"],
            ("checkout", "az1", "h2"): [2.0, 1.0, 3.0, 4.0, 8.0, "az1", "east-a"],
        }
    ).window(META)
    assert (ZoneRef("az1", "az1", "east-a"), ZoneRef("az2", "az2", "east-b")) == window.zones
    assert ([0, 1], ("h2", "h1")) == (window.zone_index.tolist(), window.hosts)
    assert ([1.0, 0.0], [3.0, 0.0], [4.0, 0.0]) == tuple(
        column.tolist() for column in (window.faults, window.slow, window.connection_failures)
    )
    assert [8.0, 7.0] == window.last_seen_ms.tolist()
    assert (("", ""), [0.0, 0.0]) == (window.caller_names, window.caller_faults.tolist())


def test_of_two_spellings_of_a_zone_the_larger_stays_whichever_came_first() -> None:
    for names in (("", "east-a"), ("east-a", "")):
        table = FleetTable("checkout", 6)
        for number, name in enumerate(names):
            cells: Cells = {("checkout", "az1", "h"): [1.0, 0.0, 0.0, 0.0, 1.0, "az1", name]}
            table.stage(0, ("logs", number, 0), fleet_panes(cells, {})[0])
        table.close(0)
        assert (ZoneRef("az1", "az1", "east-a"),) == table.window(META).zones


def test_names_are_looked_up_again_when_hosts_come_and_go() -> None:
    table = FleetTable("checkout", 1)
    seen = []
    for number, hosts in enumerate(("ab", "ab", "b", "bc")):
        cells: Cells = {
            ("checkout", f"zone-{host}", host): [1.0, 0.0, 0.0, 0.0, 1.0, "", ""] for host in hosts
        }
        table.stage(number * PANE, ORDER, fleet_panes(cells, {})[0])
        table.close(number * PANE)
        window = table.window(META)
        assert tuple(f"zone-{host}" for host in hosts) == tuple(zone.zone for zone in window.zones)
        seen.append("".join(window.hosts))
    assert ["ab", "ab", "b", "bc"] == seen


def test_the_top_caller_of_a_host_is_summed_over_panes_and_sources() -> None:
    key = ("checkout", "az1", "h")
    table = FleetTable("checkout", 6)
    for number, callers in enumerate(({"x": 3.0, "y": 2.0}, {"y": 2.0})):
        cells: Cells = {key: [9.0, sum(callers.values()), 0.0, 0.0, 1.0, "az1", ""]}
        table.stage(number * PANE, ORDER, fleet_panes(cells, {key: callers})[0])
        table.close(number * PANE)
    window = table.window(META)
    assert (("y",), [4.0]) == (window.caller_names, window.caller_faults.tolist())


@pytest.mark.parametrize("callers", [{"x": 3.0, "y": 2.0}, {"x": 2.0, "y": 3.0}])
def test_the_caller_with_most_faults_is_named_whoever_is_told_first(
    callers: dict[str, float],
) -> None:
    key = ("checkout", "az1", "h")
    cells: Cells = {key: [9.0, 5.0, 0.0, 0.0, 1.0, "az1", ""]}
    window = fleet_of(cells, {key: callers}).window(META)
    assert ((max(callers, key=lambda name: callers[name]),), [3.0]) == (
        window.caller_names,
        window.caller_faults.tolist(),
    )


def test_top_callers_are_worked_out_for_the_hosts_with_most_excess_only() -> None:
    """Every host has faults, one in ten of them more than its share."""
    count = 10 * CALLER_HOSTS
    keys = [("checkout", "az1", f"h{number:05}") for number in range(count)]
    faults = {key: 9.0 if number % 10 == 3 else 1.0 for number, key in enumerate(keys)}
    cells: Cells = {key: [10.0, faults[key], 0.0, 0.0, 1.0, "az1", ""] for key in keys}
    window = fleet_of(cells, {key: {"c": faults[key]} for key in keys}).window(META)
    named = [index for index, name in enumerate(window.caller_names) if name]
    assert list(range(3, count, 10)) == named


def test_a_table_is_idle_when_neither_window_nor_open_panes_hold_anything() -> None:
    fleet = FleetTable("checkout", 1)
    rule = VersionTable("r", "v1", 1, 9)
    assert (True, True) == (fleet.is_idle, rule.is_idle)
    cells: Cells = {("checkout", "az1", "h"): [1.0, 0.0, 0.0, 0.0, 1.0, "az1", ""]}
    fleet.stage(0, ORDER, fleet_panes(cells, {})[0])
    rule.stage(0, ORDER, rule_pane("r", "v1", {}, samples=1, minimum=1, maximum=1))
    assert (False, False, True, True) == (
        fleet.is_idle,
        rule.is_idle,
        fleet.is_empty,
        rule.is_empty,
    )
    for number in range(2):
        fleet.close(number * PANE)
        rule.close(number * PANE)
    assert (True, True) == (fleet.is_idle, rule.is_idle)
    assert np.zeros(0).tolist() == fleet.window(META).requests.tolist()
