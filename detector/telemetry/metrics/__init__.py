"""Notices as Prometheus metrics."""

from detector.telemetry.metrics.catalogue import Metrics
from detector.telemetry.metrics.metric_alarms import MetricAlarmMetrics

__all__ = ["MetricAlarmMetrics", "Metrics"]
