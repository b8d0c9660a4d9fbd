"""Tables of hosts and contributors: who is in a window, with what, and how sure that is."""

import msgspec
import numpy as np
import pytest
from datasketches import frequent_strings_sketch

from detector.domain.reports import RuleWindow, WindowMeta, ZoneRef
from detector.domain.tally_columns import fleet_panes, rule_pane
from detector.domain.window_tables import CALLER_HOSTS, FleetTable, RuleTable, shown_version
from detector.domain.windows import Window
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


def test_top_callers_are_worked_out_for_the_hosts_with_most_excess_only() -> None:
    """Every host has faults, one in ten of them more than its share."""
    count = 10 * CALLER_HOSTS
    keys = [("checkout", "az1", f"h{number:05}") for number in range(count)]
    faults = {key: 9.0 if number % 10 == 3 else 1.0 for number, key in enumerate(keys)}
    cells: Cells = {key: [10.0, faults[key], 0.0, 0.0, 1.0, "az1", ""] for key in keys}
    window = fleet_of(cells, {key: {"c": faults[key]} for key in keys}).window(META)
    named = [index for index, name in enumerate(window.caller_names) if name]
    assert list(range(3, count, 10)) == named


def rule_table(most: int = 100) -> RuleTable:
    return RuleTable("r", "v1", 6, most)


def window_of(table: RuleTable) -> RuleWindow:
    return table.window(META, ("$.caller",))


def test_a_rule_window_adds_contributors_over_panes_and_sources() -> None:
    table = rule_table()
    for pane, source, values in (
        (0, 0, Contributors({("a",): 1.0})),
        (0, 1, Contributors({("a",): 2.0, ("b",): 1.0})),
        (1, 0, Contributors({("b",): 5.0})),
    ):
        table.stage(
            pane * PANE,
            ("logs", source, 0),
            rule_pane("r", "v1", values, samples=2, minimum=pane + 1, maximum=source + 7),
        )
    table.close(0)
    table.close(PANE)
    window = window_of(table)
    assert ((("a",), ("b",)), [3.0, 6.0]) == (window.keys, window.values.tolist())
    assert (6, 1, 8, 2) == (window.samples, window.minimum, window.maximum, window.unique)
    assert (0.0, 0.0, ("$.caller",)) == (window.others, window.error_bound, window.key_labels)


def test_minimum_and_maximum_of_chunks_without_samples_do_not_count() -> None:
    table = rule_table()
    table.stage(0, ORDER, rule_pane("r", "v1", {}, samples=0, minimum=-5, maximum=99))
    table.close(0)
    window = window_of(table)
    assert (0.0, 0.0) == (window.minimum, window.maximum)
    table.stage(PANE, ORDER, rule_pane("r", "v1", {("a",): 2}, samples=1, minimum=2, maximum=2))
    table.close(PANE)
    window = window_of(table)
    assert (2, 2) == (window.minimum, window.maximum)


def test_a_rule_window_lists_the_largest_and_gives_the_rest_to_others() -> None:
    table = rule_table(most=2)
    values: Contributors = {
        (name,): value for name, value in zip("abcd", (1.0, 5.0, 2.0, 5.0), strict=True)
    }
    table.stage(0, ORDER, rule_pane("r", "v1", values, samples=4, minimum=1, maximum=5))
    table.close(0)
    window = window_of(table)
    assert ((("b",), ("d",)), [5.0, 5.0]) == (window.keys, window.values.tolist())
    assert (3.0, 0.0, 4) == (window.others, window.error_bound, window.unique)


def sketch_of(weights: dict[tuple[str, ...], int], lg: int = 5) -> bytes:
    sketch = frequent_strings_sketch(lg)
    for key, weight in weights.items():
        sketch.update(msgspec.json.encode(key).decode(), weight)
    serialized: bytes = sketch.serialize()
    return serialized


def test_what_overflowed_into_sketches_is_listed_within_the_stated_error() -> None:
    """Of two sources one is exact; sketches of 24 places hold 300 light keys and two heavy ones."""
    light: dict[tuple[str, ...], int] = {(f"k{number}",): 1 for number in range(300)}
    heavy: dict[tuple[str, ...], int] = {("big",): 400, ("large",): 300}
    table = rule_table()
    for pane in range(2):
        exact = rule_pane("r", "v1", {("big",): 7.0}, samples=7, minimum=1, maximum=1)
        table.stage(pane * PANE, ("logs", 0, 0), exact)
        overflow = rule_pane(
            "r", "v1", {}, samples=1000, minimum=1, maximum=1,
            sketch=sketch_of(light | heavy), sketch_weight=1000.0,
        )  # fmt: skip
        table.stage(pane * PANE, ("logs", 1, 0), overflow)
        table.close(pane * PANE)
    window = window_of(table)
    found = dict(zip(window.keys, window.values.tolist(), strict=True))
    truth = {("big",): 814.0, ("large",): 600.0}
    assert window.error_bound > 0.0
    assert all(0.0 <= truth[key] - found[key] <= window.error_bound for key in truth)
    assert pytest.approx(2014.0) == sum(found.values()) + window.others
    assert len(found) == window.unique


def test_a_sketch_that_never_purged_is_exact() -> None:
    table = rule_table()
    pane = rule_pane(
        "r", "v1", {("a",): 1.0}, samples=4, minimum=1, maximum=1,
        sketch=sketch_of({("b",): 2, ("c",): 1}), sketch_weight=3.0,
    )  # fmt: skip
    table.stage(0, ORDER, pane)
    table.close(0)
    window = window_of(table)
    assert ((("a",), ("b",), ("c",)), [1.0, 2.0, 1.0]) == (window.keys, window.values.tolist())
    assert (0.0, 0.0) == (window.others, window.error_bound)


def test_while_two_versions_are_in_the_window_the_newer_is_shown_as_partial() -> None:
    """Version old has pane 0, version new pane 1; the window holds two panes."""
    old, new = RuleTable("r", "old", 2, 9), RuleTable("r", "new", 2, 9)
    shown = []
    for pane in range(3):
        table = old if pane == 0 else new
        part = rule_pane("r", table.version, {("a",): 1.0}, samples=1, minimum=1, maximum=1)
        table.stage(pane * PANE, ORDER, part)
        for each in (old, new):
            each.close(pane * PANE)
        chosen, meta = shown_version([old, new], META)
        shown.append((chosen.version, meta.partial))
    assert [("old", False), ("new", True), ("new", False)] == shown


def test_a_table_is_idle_when_neither_window_nor_open_panes_hold_anything() -> None:
    fleet = FleetTable("checkout", 1)
    rule = RuleTable("r", "v1", 1, 9)
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
