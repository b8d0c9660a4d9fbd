"""What the API's handlers share: their shape, their errors, and the metrics they read.

A handler takes the request's members as botocore's model types them (timestamps as aware
``datetime`` in UTC) and returns the members of the response in the same form; the server checks
both against the model, so that a handler never sees the wire.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

from detector.cloudwatch.metrics.series import Metric, Series
from detector.core.errors import DetectorError

Members = Mapping[str, Any]
Handler = Callable[[Members], Awaitable[Members]]


class ApiError(DetectorError):
    """A request refused; ``code`` is one of the codes that the model gives the operation."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class MetricSource(Protocol):
    """Where datapoints are read from."""

    def read(self, metric: Metric, start_ms: int, end_ms: int, period_ms: int) -> Series:
        """Return the datapoints of periods that begin at ``start_ms`` and on, before ``end_ms``.

        ``start_ms`` is a multiple of a pane and ``period_ms`` too; nothing else is aligned.
        """
        ...


class WholeMetricSource(MetricSource, Protocol):
    """A source that knows until when metrics are whole; it may grow between two readings."""

    def complete_until_ms(self, metrics: Iterable[Metric]) -> int | None:
        """Return until when all that are known of ``metrics`` are whole; ``None`` for none."""
        ...
