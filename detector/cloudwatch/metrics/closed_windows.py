"""The new values of all metrics, window by window, for consumers that evaluate every slide.

Law: a window is closed once, when it is complete: when all reports of its slide have arrived, or
when a later slide of the same partition begins, because slides are published in order. A value of a
window or pane that is known to be incomplete, or in which nothing was observed, is missing and
never zero.

Known limit: a report that arrives after its window was closed is in the history, but the window is
not closed again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from detector.cloudwatch.metrics.fleets import (
    FLEET_STATISTICS,
    FleetColumn,
    Statistic,
    fleet_metric,
)
from detector.cloudwatch.metrics.series import InsightRuleMetric, Metric, RuleMetric
from detector.tables.reports import PaneReport, Report


@dataclass(frozen=True, slots=True)
class ClosedWindow:
    """One window of all subjects of one ``partition`` of the reports topic.

    ``window`` holds the values over the whole window and ``pane`` those of its newest pane alone,
    which begins at ``pane_start_ms``; times in epoch milliseconds.
    """

    partition: int
    start_ms: int
    end_ms: int
    pane_start_ms: int
    window: dict[Metric, float]
    pane: dict[Metric, float]


@dataclass(slots=True)
class _OpenSlide:
    """The newest slide of one partition that is still open, and the end of the last closed one."""

    closed_ms: int = 0
    end_ms: int = 0
    reports: dict[str, Report] = field(default_factory=dict)


class SlideGatherer:
    """Collects the reports of each slide; holds at most one slide per partition."""

    def __init__(self) -> None:
        self._by_partition: dict[int, _OpenSlide] = {}

    def through_ms(self, partition: int) -> int:
        """Return the end of the newest closed window; 0 before the first."""
        slide = self._by_partition.get(partition)
        return 0 if slide is None else slide.closed_ms

    def resume(self, partition: int, through_ms: int) -> None:
        """Close no window that ends at or before ``through_ms``: an earlier process did."""
        self._by_partition[partition] = _OpenSlide(closed_ms=through_ms)

    def add(self, partition: int, report: Report) -> Iterator[ClosedWindow]:
        """Add a report, the first copy only; yield the windows that it closes, in order."""
        slide = self._by_partition.setdefault(partition, _OpenSlide())
        if report.window_end <= slide.closed_ms or report.window_end < slide.end_ms:
            return
        if report.window_end > slide.end_ms:
            if slide.reports:
                yield _close(partition, slide)
            slide.end_ms = report.window_end
        slide.reports[report.subject] = report
        if report.slide_reports and len(slide.reports) >= report.slide_reports:
            yield _close(partition, slide)


def _close(partition: int, slide: _OpenSlide) -> ClosedWindow:
    reports = list(slide.reports.values())
    slide.closed_ms, slide.reports = slide.end_ms, {}
    window: dict[Metric, float] = {}
    pane: dict[Metric, float] = {}
    for report in reports:
        window.update(window_values(report))
        pane.update(pane_values(report))
    starts = [report.pane.start for report in reports if report.pane is not None]
    return ClosedWindow(
        partition=partition,
        start_ms=reports[0].window_start,
        end_ms=slide.closed_ms,
        pane_start_ms=starts[0] if starts else -1,
        window=window,
        pane=pane,
    )


def window_values(report: Report) -> dict[Metric, float]:
    """Return the metrics of a report's window; none when it is incomplete or has no samples."""
    if not report.complete or report.partial or report.sample_count <= 0.0:
        return {}
    if report.rule:
        return _rule_values(
            report.rule, report, report.unique_contributors, report.max_contributor_value
        )
    return _fleet_values(report.subject, report)


def pane_values(report: Report) -> dict[Metric, float]:
    """Return the metrics of the newest pane; none when it is incomplete or has no samples."""
    pane = report.pane
    if pane is None or not pane.complete or pane.sample_count <= 0.0:
        return {}
    if report.rule:
        top = pane.contributors[0][1] if pane.contributors else 0.0
        return _rule_values(report.rule, pane, pane.unique_contributors, top)
    return _fleet_values(report.subject, pane)


def _rule_values(
    rule: str, counted: Report | PaneReport, unique: int, top: float
) -> dict[Metric, float]:
    figures = {
        RuleMetric.UNIQUE_CONTRIBUTORS: float(unique),
        RuleMetric.MAX_CONTRIBUTOR_VALUE: top,
        RuleMetric.SAMPLE_COUNT: counted.sample_count,
        RuleMetric.SUM: counted.sum,
        RuleMetric.MINIMUM: counted.minimum,
        RuleMetric.MAXIMUM: counted.maximum,
    }
    if unique:
        figures[RuleMetric.AVERAGE] = counted.sum / unique
    return {InsightRuleMetric(rule, metric): value for metric, value in figures.items()}


def _fleet_values(subject: str, counted: Report | PaneReport) -> dict[Metric, float]:
    service = subject.partition(":")[2]
    requests = counted.sample_count
    sums = {
        FleetColumn.REQUESTS: requests,
        FleetColumn.FAULTS: counted.sum,
        FleetColumn.SLOW: counted.totals.get("slow", 0.0),
        FleetColumn.CONNECTION_FAILURES: counted.totals.get("connection_failures", 0.0),
    }
    values: dict[Metric, float] = {}
    for column, total in sums.items():
        values[fleet_metric(service, column, Statistic.SUM)] = total
        values[fleet_metric(service, column, Statistic.SAMPLE_COUNT)] = requests
        values[fleet_metric(service, column, Statistic.AVERAGE)] = total / requests
    hosts = counted.totals.get("hosts", 0.0)
    for statistic in FLEET_STATISTICS[FleetColumn.HOSTS]:
        is_count = statistic is Statistic.SAMPLE_COUNT
        values[fleet_metric(service, FleetColumn.HOSTS, statistic)] = 1.0 if is_count else hosts
    return values
