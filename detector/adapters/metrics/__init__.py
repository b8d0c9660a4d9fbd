"""Notices as Prometheus metrics."""

from detector.adapters.metrics.catalogue import Metrics
from detector.adapters.metrics.metric_alarms import MetricAlarmMetrics

__all__ = ["MetricAlarmMetrics", "Metrics"]
