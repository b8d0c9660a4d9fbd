"""The ring's window is the sum of its panes, however it is kept."""

import random

import numpy as np
import pytest

from detector.tables.sliding_window import Entries, PaneRing, Part
from tests.support.panes import PANE


def part(
    ring: PaneRing[str], values: dict[tuple[str, str], float], order: int = 0, *, seen: float = 0.0
) -> Part:
    rows = [int(ring.rows_of(group, [name])[0]) for group, name in values]
    column = np.array(list(values.values()), np.float64)
    entries = Entries(
        np.array(rows, np.int64), [f"of {name}" for _, name in values], column.tolist()
    )
    return Part(
        ("logs", order, 0), np.array(rows, np.int64), (column,), np.full(len(rows), seen), entries
    )


def shown(ring: PaneRing[str]) -> dict[tuple[str, str], float]:
    rows = ring.present()
    keys = [ring.keys[row] for row in rows.tolist()]
    assert sorted(keys) == keys
    return dict(zip(keys, ring.sums(rows)[0].tolist(), strict=True))


def test_a_pane_comes_in_and_goes_out() -> None:
    """Three panes in the window: 1, 12, 12., 2.., ..."""
    ring: PaneRing[str] = PaneRing(3, 1)
    ring.stage(0, part(ring, {("az", "b"): 1.0}))
    ring.stage(PANE, part(ring, {("az", "a"): 2.0, ("az", "b"): 4.0}))
    seen = []
    for number in range(5):
        ring.close(number * PANE)
        seen.append(shown(ring))
    a, b = ("az", "a"), ("az", "b")
    assert [{b: 1.0}, {a: 2.0, b: 5.0}, {a: 2.0, b: 5.0}, {a: 2.0, b: 4.0}, {}] == seen
    assert (False, False) == (ring.holds_rows, ring.open_panes)


def test_rows_of_the_same_name_in_two_groups_are_two() -> None:
    ring: PaneRing[str] = PaneRing(1, 1)
    ring.stage(0, part(ring, {("az2", "h"): 1.0, ("az1", "h"): 2.0}))
    ring.close(0)
    assert {("az1", "h"): 2.0, ("az2", "h"): 1.0} == shown(ring)


def test_a_name_twice_in_one_call_is_one_row() -> None:
    ring: PaneRing[str] = PaneRing(1, 1)
    assert [0, 0, 1] == ring.rows_of("", ["a", "a", "b"]).tolist()


def test_a_row_of_zeros_is_present() -> None:
    ring: PaneRing[str] = PaneRing(1, 1)
    ring.stage(0, part(ring, {("", "a"): 0.0}))
    ring.close(0)
    assert {("", "a"): 0.0} == shown(ring)


@pytest.mark.parametrize("unit", [1.0, 0.1, 2.0**52])
def test_sums_equal_a_recount_through_thousands_of_slides_and_compactions(
    unit: float, seed: int
) -> None:
    """Names come and go, so that rows are compacted; the recount adds the panes in order."""
    chance = random.Random(seed)
    ring: PaneRing[str] = PaneRing(4, 1)
    panes: list[dict[tuple[str, str], float]] = []
    for number in range(400):
        count = chance.choice((0, 5, 30))
        names = {("z", f"{number // 5}-{chance.randrange(40)}") for _ in range(count)}
        values = {name: unit * chance.randrange(5) for name in sorted(names)}
        panes.append(values)
        ring.stage(number * PANE, part(ring, values, seen=float(number)))
        if chance.random() < 0.3:
            ring.stage((number + 1) * PANE, part(ring, {("z", "early"): unit}, order=1))
            panes_early = True
        else:
            panes_early = False
        ring.close(number * PANE)
        expected: dict[tuple[str, str], float] = {}
        for pane in panes[-4:]:
            for name, value in pane.items():
                expected[name] = expected.get(name, 0.0) + value
        early = ("z", "early")
        found = shown(ring)
        found.pop(early, None)
        expected.pop(early, None)
        assert expected == found
        assert not panes_early or ring.open_panes
    assert ring.generation > 0


def test_entries_and_event_times_survive_a_compaction() -> None:
    ring: PaneRing[str] = PaneRing(2, 1)
    crowd = {("", f"h{number:05}"): 1.0 for number in range(3000)}
    ring.stage(0, part(ring, crowd, seen=1.0))
    ring.close(0)
    ring.stage(PANE, part(ring, {("", "h02999"): 2.0}, seen=5.0))
    ring.stage(2 * PANE, part(ring, {("", "h02998"): 3.0}, seen=7.0))
    ring.close(PANE)
    before = ring.generation
    ring.close(2 * PANE)
    assert before + 1 == ring.generation
    rows = ring.present()
    assert {("", "h02998"): 3.0, ("", "h02999"): 2.0} == shown(ring)
    assert [7.0, 5.0] == ring.latest[rows].tolist()
    found = [(ring.keys[row][1], name, value) for row, name, value in ring.entries(rows)]
    assert [("h02999", "of h02999", 2.0), ("h02998", "of h02998", 3.0)] == found
    assert [] == list(ring.entries(rows[:0]))


def test_names_met_for_an_open_pane_survive_a_compaction() -> None:
    ring: PaneRing[str] = PaneRing(1, 1)
    ring.stage(0, part(ring, {("", f"h{number:05}"): 1.0 for number in range(3000)}))
    ring.close(0)
    ring.stage(2 * PANE, part(ring, {("", "h00007"): 4.0, ("", "new"): 5.0}))
    ring.close(PANE)
    assert 2 == len(ring.keys)
    ring.close(2 * PANE)
    assert {("", "h00007"): 4.0, ("", "new"): 5.0} == shown(ring)
