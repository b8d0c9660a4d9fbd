"""New values of all metrics, window by window, for whoever judges every slide.

Law: a window is told once it is whole: when all reports of its slide were seen, or when a later
slide of the same partition begins, which is published after it. A value of a window or pane that is
known to lack something, or in which nothing was observed, is missing and never zero.

Known limit: a report that comes after its window was told is in the history and is not told again.
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
class _Gathering:
    """The newest slide of one partition that is not told yet, and which was told last."""

    closed_ms: int = 0
    end_ms: int = 0
    reports: dict[str, Report] = field(default_factory=dict)


class SlideGatherer:
    """Puts the reports of each slide together; holds at most one slide per partition."""

    def __init__(self) -> None:
        self._by_partition: dict[int, _Gathering] = {}

    def through_ms(self, partition: int) -> int:
        """Return the end of the newest window that is whole; 0 before the first."""
        gathering = self._by_partition.get(partition)
        return 0 if gathering is None else gathering.closed_ms

    def resume(self, partition: int, through_ms: int) -> None:
        """Tell no window that ends at or before ``through_ms``: a former life did."""
        self._by_partition[partition] = _Gathering(closed_ms=through_ms)

    def add(self, partition: int, report: Report) -> Iterator[ClosedWindow]:
        """Take the first copy of a report in; yield the windows that are whole by it, in order."""
        gathering = self._by_partition.setdefault(partition, _Gathering())
        if report.window_end <= gathering.closed_ms or report.window_end < gathering.end_ms:
            return
        if report.window_end > gathering.end_ms:
            if gathering.reports:
                yield _close(partition, gathering)
            gathering.end_ms = report.window_end
        gathering.reports[report.subject] = report
        if report.slide_reports and len(gathering.reports) >= report.slide_reports:
            yield _close(partition, gathering)


def _close(partition: int, gathering: _Gathering) -> ClosedWindow:
    reports = list(gathering.reports.values())
    gathering.closed_ms, gathering.reports = gathering.end_ms, {}
    window: dict[Metric, float] = {}
    pane: dict[Metric, float] = {}
    for report in reports:
        window.update(window_values(report))
        pane.update(pane_values(report))
    starts = [report.pane.start for report in reports if report.pane is not None]
    return ClosedWindow(
        partition=partition,
        start_ms=reports[0].window_start,
        end_ms=gathering.closed_ms,
        pane_start_ms=starts[0] if starts else -1,
        window=window,
        pane=pane,
    )


def window_values(report: Report) -> dict[Metric, float]:
    """Return the metrics of a report's window; empty when it lacks something or is silent."""
    if not report.complete or report.partial or report.sample_count <= 0.0:
        return {}
    if report.rule:
        return _rule_values(
            report.rule, report, report.unique_contributors, report.max_contributor_value
        )
    return _fleet_values(report.subject, report)


def pane_values(report: Report) -> dict[Metric, float]:
    """Return the metrics of a report's newest pane; empty when it lacks something or is silent."""
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
