"""Metric alarms as Prometheus metrics; no label names an alarm."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from detector.domain.metric_alarms.verdicts import StateValue
from detector.services.metric_alarm_counts import MetricAlarmCounts

TOPICS = ("alarms", "history")


class MetricAlarmMetrics:
    """Shows the counts of one process: call it after each round, with ``None`` if that failed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._states = Gauge(
            "detector_metric_alarms",
            "Metric, composite and contributor alarms by state.",
            ["state"],
            registry=registry,
        )
        self._through = Gauge(
            "detector_metric_alarms_evaluated_timestamp_seconds",
            "Last instant, in event time, that the metric alarms were evaluated for; 0 before any.",
            registry=registry,
        )
        self._skipped = Counter(
            "detector_metric_alarm_instants_skipped",
            "Instants that were too far back to be evaluated.",
            registry=registry,
        )
        self._unreadable = Counter(
            "detector_metric_alarm_records_unreadable",
            "Records of the metric alarms' own topics that could not be read.",
            ["topic"],
            registry=registry,
        )
        self._failed = Counter(
            "detector_metric_alarm_rounds_failed",
            "Rounds of the metric alarms that failed and were made again.",
            registry=registry,
        )
        self._skipped_before = 0
        self._unreadable_before = dict.fromkeys(TOPICS, 0)
        for state in StateValue:
            self._states.labels(state.value)
        for topic in TOPICS:
            self._unreadable.labels(topic)

    def __call__(self, counts: MetricAlarmCounts | None) -> None:
        """Show ``counts``."""
        if counts is None:
            self._failed.inc()
            return
        for state in StateValue:
            self._states.labels(state.value).set(counts.states.get(state.value, 0))
        self._through.set(counts.through_ms / 1000)
        self._skipped.inc(counts.skipped_instants - self._skipped_before)
        self._skipped_before = counts.skipped_instants
        for topic in TOPICS:
            found = counts.unreadable[topic]
            self._unreadable.labels(topic).inc(found - self._unreadable_before[topic])
            self._unreadable_before[topic] = found
