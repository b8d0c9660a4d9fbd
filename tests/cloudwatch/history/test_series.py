"""Series hold what a recount gives, period by period, and what is not known is missing."""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.cloudwatch.history import ReportMetrics, ReportStore
from detector.cloudwatch.metrics.closed_windows import window_values
from detector.cloudwatch.metrics.fleets import (
    FLEET_STATISTICS,
    FleetColumn,
    Statistic,
    fleet_metric,
)
from detector.cloudwatch.metrics.series import FleetMetric, InsightRuleMetric, RuleMetric, Series
from detector.tables.ranking import report_fleet
from detector.tables.reports import FleetWindow, NewestPane, Report
from tests.support.history import (
    NOW,
    PANE,
    START,
    WINDOW,
    Pane,
    fetched,
    filled,
    observed,
    ranked,
    reports_of,
)
from tests.support.windows import Host, fleet_of, meta_of

Keys = tuple[str, ...]
hosts = st.sampled_from([("h1",), ("h2",), ("h3",)])
observations = st.lists(st.integers(1, 9).map(float), min_size=1, max_size=3)
panes_of_a_run = st.lists(st.dictionaries(hosts, observations, max_size=3), min_size=1, max_size=40)
FOREVER = START + 10_000 * PANE


class History:
    """One store for many runs, each under a rule of its own."""

    def __init__(self) -> None:
        self.store = filled([])
        self.metrics = ReportMetrics(self.store, lambda _part: FOREVER)
        self._runs = 0

    def keep(self, panes: Sequence[Pane]) -> str:
        self._runs += 1
        rule = f"r{self._runs}"
        self.store.apply(fetched(reports_of(panes, rule=rule)), NOW)
        return rule


@pytest.fixture(scope="module")
def history() -> Iterator[History]:
    held = History()
    # The oldest report decides from when on periods are whole.
    held.keep([{}])
    yield held
    held.store.close()


def plain(series: Series) -> dict[int, float]:
    return dict(zip(series.times.tolist(), series.values.tolist(), strict=True))


@given(
    panes_of_a_run,
    st.sampled_from([1, 2, 3, 6, 9, 12, 30]),
    st.integers(0, 12),
    st.sampled_from(list(RuleMetric)),
)
def test_every_metric_of_a_rule_equals_a_recount(
    history: History,
    panes: list[dict[Keys, list[float]]],
    periods: int,
    later: int,
    metric: RuleMetric,
) -> None:
    """Periods begin where the range does, whatever they are of the epoch."""
    rule, period = history.keep(panes), periods * PANE
    first = START + later * PANE
    groups: dict[int, list[Pane]] = {}
    for number, pane in enumerate(panes[later:]):
        groups.setdefault(first + number // periods * period, []).append(pane)
    expected: dict[int, float] = {}
    for time, group in groups.items():
        if seen := observed(group):
            totals = ranked(group)
            expected[time] = {
                RuleMetric.UNIQUE_CONTRIBUTORS: len(totals),
                RuleMetric.MAX_CONTRIBUTOR_VALUE: totals[0][1],
                RuleMetric.SAMPLE_COUNT: len(seen),
                RuleMetric.SUM: sum(seen),
                RuleMetric.MINIMUM: min(seen),
                RuleMetric.MAXIMUM: max(seen),
                RuleMetric.AVERAGE: sum(seen) / len(totals),
            }[metric]
    found = history.metrics.read(InsightRuleMetric(rule, metric), first, FOREVER, period)
    assert expected == plain(found)
    assert ("int64", "float64") == (found.times.dtype.name, found.values.dtype.name)


def read(store: ReportStore, start: int, end: int, period: int, through: int = FOREVER) -> Series:
    metrics = ReportMetrics(store, lambda _part: through)
    return metrics.read(InsightRuleMetric("r", RuleMetric.SUM), start, end, period)


def test_a_period_that_is_not_over_or_not_whole_is_missing() -> None:
    store = filled(reports_of([{("a",): [1.0]}] * 20, first=3))
    # |...aaa|aaaaaa|aaaaaa|aaaaa.|   '.': no report
    minutes = [START + number * WINDOW for number in range(4)]
    assert minutes[1:3] == read(store, START, FOREVER, WINDOW, minutes[3]).times.tolist()
    assert minutes[1:2] == read(store, START, FOREVER, WINDOW, minutes[3] - 1).times.tolist()
    assert minutes[1:] == read(store, START, FOREVER, WINDOW).times.tolist()
    assert minutes[1:3] == read(store, minutes[1], minutes[2] + 1, WINDOW).times.tolist()
    shifted = [minute + PANE for minute in minutes]
    assert shifted[1:3] == read(store, shifted[0], minutes[3], WINDOW).times.tolist()
    assert shifted[1:2] == read(store, shifted[0], minutes[3], WINDOW, minutes[3]).times.tolist()
    assert [] == read(store, minutes[2], minutes[2], WINDOW).times.tolist()
    store.close()


def test_a_period_that_lacks_something_is_missing() -> None:
    store = filled(reports_of([{("a",): [1.0]}] * 18, incomplete=[7]))
    assert [START, START + 2 * WINDOW] == read(store, START, FOREVER, WINDOW).times.tolist()
    assert 17 == read(store, START, FOREVER, PANE).times.size
    store.close()


def test_a_metric_that_is_not_known_is_empty_and_a_wrong_period_is_refused() -> None:
    store = filled(reports_of([{("a",): [1.0]}]))
    metrics = ReportMetrics(store, lambda _part: FOREVER)
    for metric in (
        InsightRuleMetric("another", RuleMetric.SUM),
        fleet_metric("another", FleetColumn.FAULTS, Statistic.SUM),
        FleetMetric("AWS/EC2", "CPU", (), "Sum"),
    ):
        assert {} == plain(metrics.read(metric, START, FOREVER, PANE))
    for period in (0, -PANE, PANE + 1):
        with pytest.raises(ValueError, match="a multiple of 10000 ms"):
            read(store, START, FOREVER, period)
    store.close()


def fleet_window(hosts: Sequence[Host], number: int, newest: float = 1.0) -> FleetWindow:
    """A window of which the newest pane holds a share ``newest`` of everything."""
    meta = meta_of()
    end = START + (number + 1) * PANE
    window = type(meta.window)(end - WINDOW, end)
    meta = type(meta)(window, True, False, (), 0, NewestPane(end - PANE, True))
    fleet = fleet_of(hosts, meta)
    columns = [fleet.requests, fleet.faults, fleet.slow, fleet.connection_failures]
    return type(fleet)(
        **{name: getattr(fleet, name) for name in fleet.__slots__ if name != "newest"},
        newest=np.array(columns) * newest,
    )


def fleet_reports() -> list[Report]:
    """Two minutes of a fleet of 3 hosts, 4 from the second minute on."""
    reports = []
    for number in range(12):
        names = ("h1", "h2", "h3") if number < 6 else ("h1", "h2", "h3", "h4")
        hosts = [Host(name, faults=float(number), requests=60.0) for name in names]
        reports.append(report_fleet(fleet_window(hosts, number, 0.5), 10, 1))
    return reports


def test_the_columns_of_a_fleet_are_sums_rates_and_levels() -> None:
    reports = fleet_reports()
    store = filled(reports)
    metrics = ReportMetrics(store, lambda _part: FOREVER)

    def values(column: FleetColumn, statistic: Statistic, period: int = WINDOW) -> list[float]:
        metric = fleet_metric("checkout", column, statistic)
        found: list[float] = metrics.read(metric, START, FOREVER, period).values.tolist()
        return found

    requests = [3 * 30.0 * 6, 4 * 30.0 * 6]
    faults = [3 * sum(range(6)) / 2, 4 * sum(range(6, 12)) / 2]
    assert requests == values(FleetColumn.REQUESTS, Statistic.SUM)
    assert requests == values(FleetColumn.FAULTS, Statistic.SAMPLE_COUNT)
    assert faults == values(FleetColumn.FAULTS, Statistic.SUM)
    assert faults == values(FleetColumn.SLOW, Statistic.SUM)
    assert [0.0, 0.0] == values(FleetColumn.CONNECTION_FAILURES, Statistic.SUM)
    assert [faults[0] / requests[0], faults[1] / requests[1]] == pytest.approx(
        values(FleetColumn.FAULTS, Statistic.AVERAGE)
    )
    assert [3.0, 4.0] == values(FleetColumn.HOSTS, Statistic.AVERAGE)
    assert [1.0, 1.0] == values(FleetColumn.HOSTS, Statistic.SAMPLE_COUNT)
    assert [3.0] * 6 + [4.0] * 6 == values(FleetColumn.HOSTS, Statistic.MAXIMUM, PANE)
    assert ([3.0], [4.0], [3.5]) == tuple(
        values(FleetColumn.HOSTS, statistic, 2 * WINDOW)
        for statistic in (Statistic.MINIMUM, Statistic.MAXIMUM, Statistic.AVERAGE)
    )
    assert [] == values(FleetColumn.FAULTS, Statistic.MAXIMUM)
    store.close()


def test_the_value_of_an_aligned_window_is_the_one_that_it_closes_with() -> None:
    panes: list[Pane] = [{("a",): [1.0, 4.0], ("b",): [2.0 + number]} for number in range(12)]
    reports = reports_of(panes)
    store = filled(reports)
    metrics = ReportMetrics(store, lambda _part: FOREVER)
    at_close = window_values(reports[11])
    assert set(RuleMetric) == {m.metric for m in at_close if isinstance(m, InsightRuleMetric)}
    for metric, value in at_close.items():
        assert {START + WINDOW: value} == plain(
            metrics.read(metric, START + WINDOW, START + 2 * WINDOW, WINDOW)
        )
    store.close()


def test_a_silent_fleet_is_missing() -> None:
    [report] = fleet_reports()[:1]
    assert report.pane is not None
    silent = msgspec.structs.replace(
        report, sample_count=0.0, pane=msgspec.structs.replace(report.pane, sample_count=0.0)
    )
    store = filled([silent])
    metrics = ReportMetrics(store, lambda _part: FOREVER)
    for column, statistics in FLEET_STATISTICS.items():
        for statistic in statistics:
            metric = fleet_metric("checkout", column, statistic)
            assert {} == plain(metrics.read(metric, START, FOREVER, PANE))
    store.close()


def test_metrics_together_are_whole_until_the_first_of_their_partitions_is_not() -> None:
    store = filled(reports_of([{("a",): [1.0]}] * 2, rule="early"))
    store.apply(fetched(reports_of([{("a",): [1.0]}] * 2, rule="late"), part=1), NOW)
    whole = ReportMetrics(store, {0: START + WINDOW, 1: START + PANE}.__getitem__).complete_until_ms
    early, late, never = (
        InsightRuleMetric(name, RuleMetric.SUM) for name in ("early", "late", "never")
    )
    nowhere = FleetMetric("Detector/Fleet", "Unheard", (), "Sum")
    assert START + WINDOW == whole([early, never, nowhere])
    assert START + PANE == whole([early, late])
    assert whole([never, nowhere]) is None
