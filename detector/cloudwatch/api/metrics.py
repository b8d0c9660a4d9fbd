"""Requests to the API as Prometheus metrics.

Law: every label has a closed list of values, all exported as 0 from the start, as for all metrics;
nothing from a request becomes a label.
"""

import itertools
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram

from detector.cloudwatch.api.messages import ApiOutcome, RequestAnswered
from detector.cloudwatch.api.protocols import PROTOCOLS

OTHER = "other"
_ANSWER_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)


class ApiMetrics:
    """Counts ``RequestAnswered`` by ``operations``; any other operation counts as ``other``."""

    def __init__(self, registry: CollectorRegistry, operations: Iterable[str] = ()) -> None:
        self._operations = frozenset(operations)
        self._requests = Counter(
            "detector_api_requests",
            "Requests to the API by operation and by what became of them.",
            ["operation", "outcome"],
            registry=registry,
        )
        self._protocols = Counter(
            "detector_api_requests_by_protocol",
            "Requests to the API by the protocol that the client spoke.",
            ["protocol"],
            registry=registry,
        )
        self._seconds = Histogram(
            "detector_api_request_duration_seconds",
            "Time of an answer.",
            buckets=_ANSWER_SECONDS,
            registry=registry,
        )
        for labels in itertools.product((*sorted(self._operations), OTHER), ApiOutcome):
            self._requests.labels(*labels)
        for protocol in PROTOCOLS:
            self._protocols.labels(protocol.name)

    def __call__(self, notice: RequestAnswered) -> None:
        """Count ``notice``."""
        operation = notice.operation if notice.operation in self._operations else OTHER
        self._requests.labels(operation, notice.outcome).inc()
        self._protocols.labels(notice.protocol).inc()
        self._seconds.observe(notice.seconds)
