"""Reports rank contributors, and nothing of the sum is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.tables.ranking import report_fleet, report_rule
from tests.support.windows import EPOCH, WINDOW, Host, fleet_of, meta_of, rule_of


def test_contributors_are_ranked_by_value_and_then_by_key() -> None:
    values = {("b",): 5.0, ("c",): 7.0, ("a",): 5.0, ("d",): 1.0}
    report = report_rule(rule_of(values, meta_of(late=3), others=2.0), 3)
    assert [("c",), ("a",), ("b",)] == [entry.keys for entry in report.contributors]
    assert [1, 2, 3] == [entry.rank for entry in report.contributors]
    assert [0.35, 0.25, 0.25] == [entry.share for entry in report.contributors]
    assert (20.0, 3.0, 0.15) == (report.sum, report.others, report.others_share)
    assert (7.0, 4, 5.0) == (
        report.max_contributor_value,
        report.unique_contributors,
        report.average,
    )
    assert (18.0, 1.0, 3.0) == (report.sample_count, report.minimum, report.maximum)
    assert ("rule:faults-by-caller", "faults-by-caller", "v1", ("$.caller",)) == (
        report.subject,
        report.rule,
        report.rule_version,
        report.key_labels,
    )
    assert (EPOCH - WINDOW, EPOCH, 3) == (report.window_start, report.window_end, report.late)


def test_a_report_of_hosts_lists_those_with_faults_by_zone_and_host() -> None:
    hosts = [Host("a", 3.0, zone="az2"), Host("b", 0.0), Host("c", 9.0, requests=10.0)]
    report = report_fleet(fleet_of(hosts), 10)
    assert [(("az1", "c"), 9.0), (("az2", "a"), 3.0)] == [
        (entry.keys, entry.value) for entry in report.contributors
    ]
    assert ("fleet:checkout", "", ("zone", "host")) == (
        report.subject,
        report.rule,
        report.key_labels,
    )
    assert (12.0, 2, 9.0, 3.0, 9.0, 6.0) == (
        report.sum,
        report.unique_contributors,
        report.max_contributor_value,
        report.minimum,
        report.maximum,
        report.average,
    )
    totals = {"requests": 2010.0, "slow": 12.0, "connection_failures": 0.0, "hosts": 3.0}
    assert totals == report.totals
    assert 2010.0 == report.sample_count


def test_an_empty_window_has_a_report_of_zeros() -> None:
    for report in (report_fleet(fleet_of([]), 10), report_rule(rule_of({}), 10)):
        assert () == report.contributors
        assert {0.0} == {
            report.sum,
            report.average,
            report.others,
            report.others_share,
            report.max_contributor_value,
        }


def test_what_the_window_lacks_is_in_the_report() -> None:
    report = report_fleet(fleet_of([], meta_of(partial=True, missing=["logs/3"])), 10)
    assert (False, True, ("logs/3",)) == (
        report.complete,
        report.partial,
        report.missing_partitions,
    )


@given(
    values=st.lists(st.integers(0, 20).map(float), max_size=40),
    others=st.sampled_from((0.0, 3.0)),
    top_n=st.sampled_from((1, 3, 10)),
)
def test_shares_add_up_to_one_and_the_order_equals_a_plain_sort(
    values: list[float], others: float, top_n: int
) -> None:
    table = {(f"k{(7 * number) % 41:02}",): value for number, value in enumerate(values)}
    report = report_rule(rule_of(table, others=others), top_n)
    expected = sorted(table.items(), key=lambda item: (-item[1], item[0]))[:top_n]
    assert expected == [(entry.keys, entry.value) for entry in report.contributors]
    total = sum(values) + others
    shares = [*(entry.share for entry in report.contributors), report.others_share]
    assert pytest.approx(1.0 if total else 0.0) == sum(shares)
    assert pytest.approx(total) == sum(entry.value for entry in report.contributors) + report.others


@given(values=st.lists(st.floats(0.001, 1e6), min_size=1, max_size=20))
def test_nothing_is_left_for_the_others_when_everybody_is_listed(values: list[float]) -> None:
    """Not even the rounding of fractions, which may be less than nothing."""
    report = report_rule(rule_of({(str(n),): value for n, value in enumerate(values)}), 500)
    assert (0.0, 0.0) == (report.others, report.others_share)
    assert pytest.approx(1.0) == sum(entry.share for entry in report.contributors)


@pytest.mark.parametrize(("asked", "listed"), [(0, 1), (500, 500), (501, 500)])
def test_at_least_one_and_at_most_five_hundred_are_listed(asked: int, listed: int) -> None:
    report = report_rule(rule_of({(f"{n:03}",): 1.0 for n in range(600)}), asked)
    assert listed == len(report.contributors)
    assert (f"{listed - 1:03}",) == report.contributors[-1].keys
