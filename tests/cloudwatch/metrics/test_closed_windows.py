"""Windows are closed when complete, once and in order; unknown values are left out."""

from collections.abc import Iterable
from typing import Any

import pytest
from msgspec import structs

from detector.cloudwatch.metrics.closed_windows import (
    ClosedWindow,
    SlideGatherer,
    pane_values,
    window_values,
)
from detector.cloudwatch.metrics.fleets import FleetColumn, Statistic, fleet_metric
from detector.cloudwatch.metrics.series import InsightRuleMetric, Metric, RuleMetric
from detector.tables.ranking import report_fleet, report_rule
from detector.tables.reports import PaneReport, Report
from tests.support.windows import EPOCH, PANE, WINDOW, Host, fleet_of, meta_of, rule_of


def pane_of(report: Report, **changed: Any) -> PaneReport:
    plain: dict[str, Any] = {
        "start": report.window_end - PANE,
        "complete": True,
        "sum": 3.0,
        "sample_count": 2.0,
        "unique_contributors": 2,
        "minimum": 1.0,
        "maximum": 2.0,
        "error_bound": 0.0,
        "contributors": ((("a",), 2.0), (("b",), 1.0)),
        "others": 0.0,
        "totals": {},
    }
    return PaneReport(**(plain | changed))


def rule_report(number: int = 0, slide: int = 2, name: str = "r", **pane: Any) -> Report:
    values = {("a",): 6.0, ("b",): 2.0}
    report = report_rule(rule_of(values, meta_of(number), name=name), 10, slide)
    return structs.replace(report, pane=pane_of(report, **pane))


def fleet_report(number: int = 0, slide: int = 2) -> Report:
    hosts = [Host("h1", 5.0, requests=60.0), Host("h2", requests=40.0)]
    report = report_fleet(fleet_of(hosts, meta_of(number)), 10, slide)
    totals = {"requests": 10.0, "slow": 4.0, "connection_failures": 1.0, "hosts": 2.0}
    return structs.replace(report, pane=pane_of(report, sample_count=10.0, sum=2.0, totals=totals))


def closed(gatherer: SlideGatherer, reports: Iterable[Report], part: int = 0) -> list[ClosedWindow]:
    return [window for report in reports for window in gatherer.add(part, report)]


def ends(windows: Iterable[ClosedWindow]) -> list[int]:
    return [(window.end_ms - EPOCH) // PANE for window in windows]


def test_a_window_is_closed_when_all_reports_of_its_slide_were_seen() -> None:
    gatherer = SlideGatherer()
    assert [] == closed(gatherer, [rule_report(1)])
    assert 0 == gatherer.through_ms(0)
    [window] = closed(gatherer, [fleet_report(1)])
    assert (0, EPOCH + PANE - WINDOW, EPOCH + PANE, EPOCH) == (
        window.partition,
        window.start_ms,
        window.end_ms,
        window.pane_start_ms,
    )
    assert EPOCH + PANE == gatherer.through_ms(0)
    assert {"r", "checkout"} == {
        metric.rule if isinstance(metric, InsightRuleMetric) else metric.dimensions[0][1]
        for metric in window.window
    }


def test_a_later_slide_closes_one_of_which_reports_are_missing() -> None:
    gatherer = SlideGatherer()
    reports = [rule_report(1, slide=0), rule_report(2, slide=3), rule_report(3, slide=1)]
    assert [1, 2, 3] == ends(closed(gatherer, reports))


def test_partitions_do_not_wait_for_each_other() -> None:
    gatherer = SlideGatherer()
    assert [5] == ends(closed(gatherer, [rule_report(5, 1)], part=1))
    assert [2] == ends(closed(gatherer, [rule_report(2, 1)], part=0))
    assert (0, EPOCH + 2 * PANE, EPOCH + 5 * PANE) == (
        gatherer.through_ms(2),
        gatherer.through_ms(0),
        gatherer.through_ms(1),
    )


def test_a_closed_window_is_not_closed_again() -> None:
    gatherer = SlideGatherer()
    gatherer.resume(0, EPOCH + 2 * PANE)
    assert [] == closed(gatherer, [rule_report(number, 1) for number in (0, 1, 2)])
    assert [3] == ends(closed(gatherer, [rule_report(3, 1), rule_report(3, 1)]))
    assert [] == closed(gatherer, [rule_report(4), rule_report(3, name="late")])
    assert [4] == ends(closed(gatherer, [fleet_report(4)]))


def test_the_values_of_a_rule_are_those_of_its_report_and_of_its_pane() -> None:
    def named(values: dict[Metric, float]) -> dict[str, float]:
        assert {"r"} == {m.rule for m in values if isinstance(m, InsightRuleMetric)}
        return {m.metric.value: v for m, v in values.items() if isinstance(m, InsightRuleMetric)}

    report = rule_report()
    assert {
        "UniqueContributors": 2.0, "MaxContributorValue": 6.0, "SampleCount": 8.0, "Sum": 8.0,
        "Minimum": 1.0, "Maximum": 3.0, "Average": 4.0,
    } == named(window_values(report))  # fmt: skip
    assert {
        "UniqueContributors": 2.0, "MaxContributorValue": 2.0, "SampleCount": 2.0, "Sum": 3.0,
        "Minimum": 1.0, "Maximum": 2.0, "Average": 1.5,
    } == named(pane_values(report))  # fmt: skip


def test_without_a_contributor_there_is_no_average() -> None:
    values = pane_values(rule_report(unique_contributors=0, contributors=(), others=3.0))
    assert InsightRuleMetric("r", RuleMetric.AVERAGE) not in values
    assert 0.0 == values[InsightRuleMetric("r", RuleMetric.MAX_CONTRIBUTOR_VALUE)]


def test_the_values_of_a_fleet_are_sums_rates_and_hosts() -> None:
    def value(values: dict[Metric, float], column: FleetColumn, statistic: Statistic) -> float:
        return values[fleet_metric("checkout", column, statistic)]

    window, pane = window_values(fleet_report()), pane_values(fleet_report())
    assert (100.0, 10.0) == tuple(
        value(values, FleetColumn.REQUESTS, Statistic.SUM) for values in (window, pane)
    )
    assert (0.05, 0.2) == tuple(
        value(values, FleetColumn.FAULTS, Statistic.AVERAGE) for values in (window, pane)
    )
    assert (5.0, 4.0) == tuple(
        value(values, FleetColumn.SLOW, Statistic.SUM) for values in (window, pane)
    )
    assert (100.0, 10.0) == tuple(
        value(values, FleetColumn.CONNECTION_FAILURES, Statistic.SAMPLE_COUNT)
        for values in (window, pane)
    )
    assert [2.0, 2.0, 2.0, 1.0] == [
        value(window, FleetColumn.HOSTS, statistic)
        for statistic in (
            Statistic.AVERAGE, Statistic.MAXIMUM, Statistic.MINIMUM, Statistic.SAMPLE_COUNT
        )
    ]  # fmt: skip


@pytest.mark.parametrize("changed", [{"complete": False}, {"partial": True}, {"sample_count": 0.0}])
def test_a_window_that_lacks_something_or_is_silent_has_no_values(changed: dict[str, Any]) -> None:
    assert {} == window_values(structs.replace(rule_report(), **changed))


def test_a_pane_that_lacks_something_is_silent_or_unknown_has_no_values() -> None:
    assert {} == pane_values(rule_report(complete=False))
    assert {} == pane_values(rule_report(sample_count=0.0))
    unknown = structs.replace(rule_report(1, 1), pane=None)
    assert {} == pane_values(unknown)
    [window] = closed(SlideGatherer(), [unknown])
    assert -1 == window.pane_start_ms
