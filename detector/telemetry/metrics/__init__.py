"""Notices counted as Prometheus metrics."""

from detector.telemetry.metrics.catalogue import Metrics

__all__ = ["Metrics"]
