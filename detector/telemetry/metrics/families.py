"""Metric families whose series are all exported as 0 from the start."""

import itertools
from collections.abc import Mapping, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)


class Families:
    """Creates metric families in ``registry``, which an exporter serves."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry

    def _counter(self, name: str, text: str, **labels: Sequence[str]) -> Counter:
        metric = Counter(name, text, list(labels), registry=self.registry)
        _start_at_zero(metric, labels)
        return metric

    def _gauge(self, name: str, text: str, **labels: Sequence[str]) -> Gauge:
        metric = Gauge(name, text, list(labels), registry=self.registry)
        _start_at_zero(metric, labels)
        return metric

    def _histogram(
        self, name: str, text: str, buckets: Sequence[float], **labels: Sequence[str]
    ) -> Histogram:
        metric = Histogram(name, text, list(labels), buckets=buckets, registry=self.registry)
        _start_at_zero(metric, labels)
        return metric

    def _info(self, name: str, text: str, values: Mapping[str, str]) -> None:
        Info(name, text, registry=self.registry).info(dict(values))


def new_registry() -> CollectorRegistry:
    """Return a registry with the metrics of the process."""
    # Creation timestamps would double the exposition and have no use here.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    return registry


def _start_at_zero(
    metric: Counter | Gauge | Histogram, labels: Mapping[str, Sequence[str]]
) -> None:
    for values in itertools.product(*labels.values()) if labels else ():
        metric.labels(*values)
