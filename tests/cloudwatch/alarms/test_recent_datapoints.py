"""Datapoints in memory are those of the history, which computes them in a database."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from detector.cloudwatch.alarms.recent_datapoints import RecentMetrics
from detector.cloudwatch.history import ReportMetrics
from detector.cloudwatch.metrics.axis import Axis
from detector.cloudwatch.metrics.closed_windows import ClosedWindow, SlideGatherer
from detector.cloudwatch.metrics.series import InsightRuleMetric, Metric, RuleMetric, Series
from tests.support.history import PANE, START, WINDOW, Pane, filled, reports_of

SUM = InsightRuleMetric("r", RuleMetric.SUM)


class Counting:
    """A history that counts how often it is asked, and knows nothing."""

    def __init__(self) -> None:
        self.asked = 0

    def read(self, metric: Metric, start_ms: int, end_ms: int, period_ms: int) -> Series:
        self.asked += 1
        return Series(np.zeros(0, np.int64), np.zeros(0))


def window(
    end_ms: int, value: float | None, partition: int = 0, metric: Metric = SUM
) -> ClosedWindow:
    values = {} if value is None else {metric: value}
    start = end_ms - WINDOW
    return ClosedWindow(partition, start, end_ms, end_ms - PANE, values, values)


def recent(history: Counting | ReportMetrics, **changes: int) -> RecentMetrics:
    return RecentMetrics(history, pane_ms=PANE, window_ms=WINDOW, **changes)


def plain(series: Series) -> dict[int, float]:
    return dict(zip(series.times.tolist(), series.values.tolist(), strict=True))


def test_memory_says_what_the_history_says(seed: int) -> None:
    chance = random.Random(seed)
    panes: Sequence[Pane] = [
        {
            (host,): [float(chance.randint(1, 9)) for _ in range(chance.randint(1, 3))]
            for host in "abc"
            if chance.random() < 0.4
        }
        for _ in range(80)
    ]
    # The first window lies inside the history, so that nothing before it is in question.
    reports = reports_of(panes, incomplete=chance.sample(range(80), 3))
    store, gatherer = filled(reports), SlideGatherer()
    history, counting = ReportMetrics(store, lambda _: reports[-1].window_end), Counting()
    held = recent(counting)
    for report in reports:
        for window in gatherer.add(0, report):
            held.add(window)
    for metric in RuleMetric:
        of_rule = InsightRuleMetric("r", metric)
        for period in (PANE, WINDOW):
            for _ in range(10):
                start = START + chance.randint(6, 60) * PANE
                end = start + chance.randint(1, 5) * period
                expected = plain(history.read(of_rule, start, end, period))
                assert expected == plain(held.read(of_rule, start, end, period)), (metric, period)
                [row] = held.rows([of_rule], start, end, period)
                axis = Axis(start, end, period)
                assert expected == plain(axis.series(row)), (metric, period)
    assert counting.asked == 0
    store.close()


def test_many_series_at_once_are_the_series_one_by_one(seed: int) -> None:
    chance = random.Random(seed)
    held, metrics = (
        recent(Counting(), kept_ms=12 * PANE),
        [InsightRuleMetric(f"r{number}", RuleMetric.SUM) for number in range(6)],
    )
    for number in range(40):
        for partition in (0, 1):
            if chance.random() < 0.8:
                values: dict[Metric, float] = {
                    metric: chance.random()
                    for metric in metrics[partition * 2 : partition * 2 + 2]
                    if chance.random() < 0.7
                }
                end = START + number * PANE
                held.add(ClosedWindow(partition, end - WINDOW, end, end - PANE, values, values))
    asked: list[Metric | None] = [None, *metrics, metrics[0]]
    for _ in range(60):
        period = chance.choice([PANE, WINDOW, 2 * WINDOW])
        start = START + chance.randint(20, 42) * PANE
        end = start + chance.randint(1, 4) * period
        rows, axis = held.rows(asked, start, end, period), Axis(start, end, period)
        for metric, row in zip(asked, rows, strict=True):
            one = {} if metric is None else plain(held.read(metric, start, end, period))
            assert one == plain(axis.series(row))


@pytest.mark.parametrize(
    ("metric", "start", "period"),
    [
        (InsightRuleMetric("other", RuleMetric.SUM), START, WINDOW),
        (SUM, START, 5 * WINDOW),
        (SUM, START + 1, WINDOW),
        (SUM, START - 2 * WINDOW, WINDOW),
    ],
)
def test_what_is_not_held_whole_is_read_from_the_history(
    metric: Metric, start: int, period: int
) -> None:
    counting = Counting()
    held = recent(counting)
    held.add(window(START, 1.0))
    held.read(metric, start, start + period, period)
    assert counting.asked == 1


def test_only_the_newest_are_held() -> None:
    counting = Counting()
    held = recent(counting, kept_ms=3 * PANE)
    for number in range(6):
        held.add(window(START + number * PANE, float(number)))
    newest = START + 5 * PANE
    assert plain(held.read(SUM, newest - 3 * PANE, newest, PANE)) == {
        newest - 3 * PANE: 3.0,
        newest - 2 * PANE: 4.0,
        newest - PANE: 5.0,
    }
    assert counting.asked == 0
    held.read(SUM, newest - 4 * PANE, newest, PANE)
    assert counting.asked == 1


def test_what_was_not_closed_or_lacks_its_value_is_missing() -> None:
    held = recent(Counting(), kept_ms=3 * PANE)
    for number, value in ((0, 1.0), (1, 1.0), (2, 1.0), (3, None), (5, 2.0)):
        held.add(window(START + number * PANE, value))
    found = held.read(SUM, START + 2 * PANE, START + 6 * PANE, PANE)
    assert plain(found) == {START + 4 * PANE: 2.0}


def test_a_window_that_comes_again_changes_nothing() -> None:
    held = recent(Counting())
    held.add(window(START, 1.0))
    held.add(window(START, 2.0))
    assert plain(held.read(SUM, START - PANE, START, PANE)) == {START - PANE: 1.0}


def test_the_number_of_metrics_is_bounded_and_grows_by_need() -> None:
    counting = Counting()
    held = recent(counting, max_metrics=100)
    metrics = [InsightRuleMetric(f"r{number}", RuleMetric.SUM) for number in range(101)]
    for number, metric in enumerate(metrics):
        held.add(window(START, float(number), partition=number, metric=metric))
    for number, metric in enumerate(metrics[:100]):
        assert plain(held.read(metric, START - PANE, START, PANE)) == {START - PANE: number}
    assert counting.asked == 0
    held.read(metrics[100], START - PANE, START, PANE)
    assert counting.asked == 1
