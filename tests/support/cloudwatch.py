"""A fleet's metrics in memory, and CloudWatch's own model to hold answers to."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
import numpy as np
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator

from detector.cloudwatch.metrics.series import Metric, Series


class MetricsInMemory:
    """A ``WholeMetricSource`` over points that the test gives: value by time in milliseconds."""

    def __init__(self, points: Mapping[Metric, Mapping[int, float]]) -> None:
        self.points = {metric: dict(values) for metric, values in points.items()}
        self.asked: list[tuple[Metric, int, int, int]] = []
        self.whole: int | None = None

    def complete_until_ms(self, metrics: Iterable[Metric]) -> int | None:
        """Return what the test said, once any of ``metrics`` is known."""
        return self.whole if any(metric in self.points for metric in metrics) else None

    def read(self, metric: Metric, start_ms: int, end_ms: int, period_ms: int) -> Series:
        """Return the points of periods that begin in the range; each is on a period already."""
        self.asked.append((metric, start_ms, end_ms, period_ms))
        known = self.points.get(metric, {})
        times = sorted(
            time for time in known if start_ms <= time < end_ms and time % period_ms == 0
        )
        return Series(
            times=np.array(times, dtype=np.int64),
            values=np.array([known[time] for time in times], dtype=np.float64),
        )


@cache
def model() -> ServiceModel:
    """Return botocore's model of CloudWatch."""
    return botocore.session.get_session().get_service_model("cloudwatch")


def check_request(operation: str, members: Mapping[str, Any]) -> None:
    """Assert that a client could send this request."""
    _check(members, model().operation_model(operation).input_shape)


def check_answer(operation: str, members: Mapping[str, Any]) -> None:
    """Assert that an answer has the members of the model, of its types, and no others."""
    _check(members, model().operation_model(operation).output_shape)


def _check(members: Mapping[str, Any], shape: Shape | None) -> None:
    assert shape is not None
    report = ParamValidator().validate(dict(members), shape)
    assert not report.has_errors(), report.generate_report()


def at(time_ms: int) -> datetime:
    """Return a time in UTC."""
    return datetime.fromtimestamp(time_ms / 1000, UTC)
