"""A rule floods after three overflowing panes in a row, and stops with the first that is not."""

from detector.tables.flooding import FloodWatch

ONE, OTHER = ("logs", 0), ("logs", 1)


def see(watch: FloodWatch, source: tuple[str, int], *rules: str) -> list[tuple[str, str, bool]]:
    return list(watch.count_panes(source, dict.fromkeys(rules, "v1")))


def test_three_panes_in_a_row_are_a_flood_and_one_that_fits_ends_it() -> None:
    watch = FloodWatch()
    assert [[], [], [("r", "v1", True)], []] == [see(watch, ONE, "r") for _ in range(4)]
    assert 1 == watch.count
    assert [("r", "v1", False)] == see(watch, ONE)
    assert 0 == watch.count


def test_a_pane_that_fits_begins_the_count_anew() -> None:
    watch = FloodWatch()
    changes = [see(watch, ONE, *rules) for rules in (("r",), ("r",), (), ("r",), ("r",))]
    assert [[]] * 5 == changes


def test_partitions_count_apart_and_a_rule_floods_while_one_of_them_does() -> None:
    watch = FloodWatch()
    for _ in range(2):
        assert [] == see(watch, ONE, "r") + see(watch, OTHER, "r")
    assert [("r", "v1", True)] == see(watch, ONE, "r")
    assert [] == see(watch, OTHER, "r", "q")
    assert [] == see(watch, ONE)
    assert [("r", "v1", False)] == list(watch.forget(OTHER))
    assert [] == list(watch.forget(OTHER))
