"""Windows of ratios and percentiles against a recount with plain additions."""

import random
from collections import defaultdict

import numpy as np
import pytest

from detector.rules.rules import Percentiles, Ratio
from detector.tables.contributor_table import ContributorTable as OpenTable
from detector.tables.contributor_window import VersionTable
from detector.tables.ddsketch import RELATIVE_ERROR
from detector.tables.measured_columns import measured_pane
from detector.tables.pane_encoding import rule_pane
from detector.tables.pane_records import RulePane
from detector.tables.ranking import report_rule
from detector.tables.reports import Report, RuleWindow, WindowMeasure, WindowMeta
from detector.tables.windows import Window

META = WindowMeta(Window(0, 60_000), complete=True, partial=False, missing_partitions=(), late=0)
RATIO = Ratio((), None, 10.0)
AT = Percentiles(("Latency",), (99.0, 50.0), 5.0, 2_000)
PANES, SOURCES = 4, 3


def packed(measure: Ratio | Percentiles, table: OpenTable) -> RulePane:
    return rule_pane(
        "r",
        "v",
        {(str(key),): value for key, value in table.values.items()},
        samples=table.samples,
        minimum=table.minimum,
        maximum=table.maximum,
        measured=measured_pane(measure, table),
    )


def window_of(table: VersionTable) -> tuple[RuleWindow, WindowMeasure]:
    window = table.window(META, ("$.host",))
    assert window.measure is not None
    return window, window.measure


def test_ratios_are_those_of_a_recount(seed: int) -> None:
    chance = random.Random(seed)
    table = VersionTable("r", "v", 3, 100)
    below: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    over: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    for pane in range(PANES):
        for source in range(SOURCES):
            opened = OpenTable()
            for _ in range(60):
                host = f"h{chance.randrange(8)}"
                faults = float(chance.random() < 0.2)
                opened.add_ratio(host, 1.0, faults, 100)
                opened.observe(1, 1, 1)
                below[host].append((pane, 1.0))
                over[host].append((pane, faults))
            opened.unheld = 2.0
            table.stage(pane, ("logs", source, 0), packed(RATIO, opened))
        table.close(pane)
    window, measure = window_of(table)
    first = PANES - 3
    expected = {
        (host,): sum(v for pane, v in over[host] if pane >= first)
        / sum(v for pane, v in below[host] if pane >= first)
        for host in sorted(below)
    }
    assert list(expected) == list(window.keys)
    assert window.values.tolist() == pytest.approx(list(expected.values()))
    assert (3.0 * SOURCES * 60, 0, 2.0 * 3 * SOURCES) == (
        measure.denominator, measure.below_minimum, measure.unheld,
    )  # fmt: skip
    assert (0.0, 0.0) == (window.error_bound, measure.relative_error)
    assert (min(expected.values()), max(expected.values())) == pytest.approx(
        (window.minimum, window.maximum)
    )


def test_too_small_a_denominator_is_counted_and_never_divided_by() -> None:
    opened = OpenTable()
    opened.add_ratio("busy", 10.0, 1.0, 9)
    opened.add_ratio("quiet", 9.0, 9.0, 9)
    opened.add_ratio("none", 0.0, 5.0, 9)
    table = VersionTable("r", "v", 3, 100)
    table.stage(0, ("logs", 0, 0), packed(RATIO, opened))
    table.close(0)
    window, measure = window_of(table)
    assert ([("busy",)], [0.1], 2) == (
        list(window.keys), window.values.tolist(), measure.below_minimum,
    )  # fmt: skip
    assert (15.0, 19.0) == (measure.numerator, measure.denominator)
    assert 1 == window.unique


def test_when_nobody_is_ranked_the_window_says_so() -> None:
    opened = OpenTable()
    opened.add_ratio("quiet", 1.0, 1.0, 9)
    table = VersionTable("r", "v", 3, 100)
    table.stage(0, ("logs", 0, 0), packed(RATIO, opened))
    table.close(0)
    report = report_rule(window_of(table)[0], 10)
    assert ((), 0.0, 0.0, 0) == (
        report.contributors, report.sum, report.average, report.unique_contributors,
    )  # fmt: skip
    assert report.measure is not None
    assert 1 == report.measure.below_minimum


def sketched(drawn: dict[str, list[float]], most: int = 100) -> VersionTable:
    table = VersionTable("r", "v", 3, most)
    for source in range(SOURCES):
        opened = OpenTable()
        for host, values in drawn.items():
            for value in values[source::SOURCES]:
                opened.add_observation(host, value, 2_000)
        table.stage(0, ("logs", source, 0), packed(AT, opened))
    table.close(0)
    return table


def test_percentiles_are_within_their_error_of_exact_ones(seed: int) -> None:
    chance = np.random.default_rng(seed)
    drawn = {f"h{n}": chance.lognormal(3 + n / 4, 0.8, 50 + 90 * n).tolist() for n in range(8)}
    window, measure = window_of(sketched(drawn | {"quiet": [1.0] * 4}))
    assert [(host,) for host in sorted(drawn)] == list(window.keys)
    assert 1 == measure.below_minimum
    assert measure.percentiles is not None
    for host, row in zip(sorted(drawn), measure.percentiles.tolist(), strict=True):
        ranked = sorted(drawn[host])
        exact = [ranked[int(at / 100 * (len(ranked) - 1))] for at in AT.at]
        assert row == pytest.approx(exact, rel=RELATIVE_ERROR * 1.01)
    assert window.values.tolist() == measure.percentiles[:, 0].tolist()
    assert window.error_bound == pytest.approx(0.01 * window.values.max())
    everything = [value for values in drawn.values() for value in values]
    assert (min([1.0, *everything]), max(everything)) == (window.minimum, window.maximum)
    assert measure.numerators is None


def test_the_largest_values_are_listed_and_the_others_are_summed() -> None:
    drawn = {f"h{n}": [float(10 * n)] * 9 for n in range(1, 6)}
    window, measure = window_of(sketched(drawn, most=2))
    assert ([("h4",), ("h5",)], 5) == (list(window.keys), window.unique)
    assert window.others == pytest.approx(10 + 20 + 30, rel=0.01)
    assert measure.denominators.tolist() == [9.0, 9.0]


def test_a_window_slides_out_of_what_it_sketched() -> None:
    table = sketched({"h": [5.0] * 9})
    for pane in range(1, 4):
        assert [("h",)] == list(window_of(table)[0].keys)
        table.close(pane)
    window, measure = window_of(table)
    assert ((), [], 0.0) == (window.keys, window.values.tolist(), measure.denominator)


def test_a_pane_that_only_counts_what_it_could_not_hold_names_nobody() -> None:
    opened = OpenTable()
    opened.add_observations("h", 7.0, (), 2_000)
    opened.observe(7, 1, 9)
    table = VersionTable("r", "v", 3, 100)
    table.stage(0, ("logs", 0, 0), packed(AT, opened))
    table.close(0)
    window, measure = window_of(table)
    assert ((), 7.0, 7.0) == (window.keys, measure.unheld, window.samples)


def reported(table: VersionTable) -> Report:
    return report_rule(window_of(table)[0], 10)


def test_a_report_says_what_its_values_were_made_of() -> None:
    opened = OpenTable()
    for host, below, over in (("a", 20.0, 5.0), ("b", 40.0, 30.0), ("c", 1.0, 1.0)):
        opened.add_ratio(host, below, over, 9)
    table = VersionTable("r", "v", 3, 100)
    table.stage(0, ("logs", 0, 0), packed(RATIO, opened))
    table.close(0)
    report = reported(table)
    assert [(("b",), 0.75, 30.0, 40.0), (("a",), 0.25, 5.0, 20.0)] == [
        (each.keys, each.value, each.numerator, each.denominator) for each in report.contributors
    ]
    assert (1.0, 0.75, 0.5) == (report.sum, report.contributors[0].share, report.average)
    assert report.measure is not None
    assert ("ratio", 10.0, 1, 36.0, 61.0) == (
        report.measure.kind, report.measure.minimum, report.measure.below_minimum,
        report.measure.numerator, report.measure.denominator,
    )  # fmt: skip


def test_a_report_of_percentiles_states_its_error() -> None:
    report = reported(sketched({"a": [float(n) for n in range(1, 101)], "b": [5.0] * 10}))
    first = report.contributors[0]
    assert (("a",), 100.0) == (first.keys, first.denominator)
    assert first.percentiles == pytest.approx((99.0, 50.0), rel=0.01)
    assert first.value == first.percentiles[0]
    assert report.measure is not None
    assert ((99.0, 50.0), 0.01) == (report.measure.percentiles, report.measure.relative_error)


def test_a_plain_pane_of_the_same_version_does_no_harm() -> None:
    """No worker writes such a thing, but a record may be anybody's."""
    opened = OpenTable()
    opened.add_ratio("a", 20.0, 5.0, 9)
    plain = rule_pane("r", "v", {("a",): 20.0}, samples=20, minimum=1, maximum=1)
    table = VersionTable("r", "v", 3, 100)
    table.stage(0, ("logs", 0, 0), packed(RATIO, opened))
    table.stage(0, ("logs", 1, 0), plain)
    table.close(0)
    assert [5.0 / 40.0] == window_of(table)[0].values.tolist()
