"""Contributors of a rule in a window: added up, with sketches, versions and the rest."""

import msgspec
import pytest
from datasketches import frequent_strings_sketch

from detector.tables.contributor_window import VersionTable, shown_version
from detector.tables.pane_encoding import rule_pane
from detector.tables.reports import RuleWindow, WindowMeta
from detector.tables.windows import Window
from tests.support.panes import PANE

META = WindowMeta(Window(0, 60_000), complete=True, partial=False, missing_partitions=(), late=0)
ORDER = ("logs", 0, 0)
Contributors = dict[tuple[str, ...], float]


def rule_table(most: int = 100) -> VersionTable:
    return VersionTable("r", "v1", 6, most)


def window_of(table: VersionTable) -> RuleWindow:
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
    old, new = VersionTable("r", "old", 2, 9), VersionTable("r", "new", 2, 9)
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
