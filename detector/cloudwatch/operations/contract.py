"""The contract of the API's handlers: their signature, their errors, and the metrics they read.

A handler takes the request's members as botocore's model types them (timestamps as aware
``datetime`` in UTC) and returns the members of the response in the same form. The server checks
both against the model, so a handler does not depend on the wire protocol.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

from detector.cloudwatch.metrics.series import Metric, Series
from detector.core.errors import DetectorError

Members = Mapping[str, Any]
Handler = Callable[[Members], Awaitable[Members]]


class ApiError(DetectorError):
    """A refused request; ``code`` is one of the model's error codes of the operation."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class MetricSource(Protocol):
    """A source of datapoints."""

    def read(self, metric: Metric, start_ms: int, end_ms: int, period_ms: int) -> Series:
        """Return the datapoints of periods that begin from ``start_ms`` until ``end_ms``.

        ``start_ms`` and ``period_ms`` are multiples of a pane; ``end_ms`` need not be.
        """
        ...


class WholeMetricSource(MetricSource, Protocol):
    """A source that knows until when metrics are complete; it may grow between two reads."""

    def complete_until_ms(self, metrics: Iterable[Metric]) -> int | None:
        """Return until when all known ``metrics`` are complete; ``None`` if none is known."""
        ...
