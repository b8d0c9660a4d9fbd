"""Metric alarms as Prometheus metrics; no label names an alarm."""

from prometheus_client import CollectorRegistry

from detector.cloudwatch.alarms.m_of_n import StateValue
from detector.cloudwatch.alarms.service import MetricAlarmCounts
from detector.telemetry.metrics.families import Families

TOPICS = ("alarms", "history")


class MetricAlarmMetrics(Families):
    """Exports the counts of one process: call it after each cycle, with ``None`` if it failed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self._states = self._gauge(
            "detector_metric_alarms",
            "Metric, composite and contributor alarms by state.",
            state=tuple(StateValue),
        )
        self._through = self._gauge(
            "detector_metric_alarms_evaluated_timestamp_seconds",
            "Last instant, in event time, that the metric alarms were evaluated for; 0 before any.",
        )
        self._skipped = self._counter(
            "detector_metric_alarm_instants_skipped",
            "Instants that were too far back to be evaluated.",
        )
        self._unreadable = self._counter(
            "detector_metric_alarm_records_unreadable",
            "Records of the metric alarms' own topics that could not be read.",
            topic=TOPICS,
        )
        self._failed = self._counter(
            "detector_metric_alarm_rounds_failed",
            "Rounds of the metric alarms that failed and were repeated.",
        )
        self._shown = MetricAlarmCounts(0, {}, 0, dict.fromkeys(TOPICS, 0))

    def __call__(self, counts: MetricAlarmCounts | None) -> None:
        """Export ``counts``."""
        if counts is None:
            self._failed.inc()
            return
        before, self._shown = self._shown, counts
        for state in StateValue:
            self._states.labels(state).set(counts.states.get(state, 0))
        self._through.set(counts.through_ms / 1000)
        self._skipped.inc(counts.skipped_instants - before.skipped_instants)
        for topic in TOPICS:
            self._unreadable.labels(topic).inc(counts.unreadable[topic] - before.unreadable[topic])
