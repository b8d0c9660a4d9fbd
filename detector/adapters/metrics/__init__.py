"""Notices as Prometheus metrics."""

from detector.adapters.metrics.catalogue import Metrics

__all__ = ["Metrics"]
