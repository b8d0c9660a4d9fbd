"""The compiled form of an expression: a list of steps, each over the results of earlier ones.

Law: the key of a step depends only on what it computes, so equal parts of different expressions,
and of different alarms, are computed once in one evaluation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

import numpy as np

from detector.cloudwatch.metrics.axis import Axis, Value
from detector.cloudwatch.metrics.series import Metric, Series

Run = Callable[[Axis, Sequence[Value]], Value]

_KEY_BYTES = 16


class ValueKind(StrEnum):
    """The types of metric math, in the guide's abbreviations."""

    SCALAR = "S"
    SERIES = "TS"
    ARRAY = "TS[]"


@dataclass(frozen=True, slots=True, eq=False)
class PlanStep:
    """One computation: ``run`` over the values of the steps ``arguments``, or a metric to read.

    ``width`` is the most series that it returns.
    """

    key: bytes
    kind: ValueKind
    run: Run | None
    arguments: tuple[int, ...]
    width: int = 1
    metric: Metric | None = None


class PlanBuilder:
    """Collects the steps of one program; equal steps are kept once."""

    def __init__(self) -> None:
        self.steps: list[PlanStep] = []
        self._index_by_key: dict[bytes, int] = {}

    def read(self, metric: Metric) -> int:
        """Add a step that reads a metric; return its index."""
        return self._add(
            PlanStep(_key(repr(metric), ()), ValueKind.SERIES, None, (), metric=metric)
        )

    def add(
        self,
        operation: str,
        kind: ValueKind,
        run: Run,
        arguments: Sequence[int],
        *,
        width: int = 1,
    ) -> int:
        """Add a computation; return its index. ``operation`` identifies what ``run`` does."""
        keys = tuple(self.steps[index].key for index in arguments)
        key = _key(operation, keys)
        return self._add(PlanStep(key, kind, run, tuple(arguments), width=width))

    def _add(self, step: PlanStep) -> int:
        index = self._index_by_key.setdefault(step.key, len(self.steps))
        if index == len(self.steps):
            self.steps.append(step)
        return index


class DatapointRange:
    """One range of time and the datapoints in it, for any number of programs.

    A metric that is not in ``series_by_metric`` has no datapoints. ``start_ms`` and ``end_ms``
    bound the periods: those that begin in ``[start_ms, end_ms)``, every ``period_ms`` from
    ``start_ms`` on. Raises ``ValueError`` when ``period_ms`` is not positive.
    """

    def __init__(
        self,
        series_by_metric: Mapping[Metric, Series],
        *,
        start_ms: int,
        end_ms: int,
        period_ms: int,
    ) -> None:
        self.axis = Axis(start_ms, end_ms, period_ms)
        self._series_by_metric = series_by_metric
        self._known: dict[bytes, Value] = {}

    def run(self, steps: Sequence[PlanStep]) -> list[Value]:
        """Return the value of every step of a plan; values of earlier plans are reused."""
        known, values = self._known, list[Value]()
        with np.errstate(all="ignore"):
            for step in steps:
                value = known.get(step.key)
                if value is None:
                    value = known[step.key] = self._value(step, values)
                values.append(value)
        return values

    def _value(self, step: PlanStep, values: Sequence[Value]) -> Value:
        if step.run is not None:
            return step.run(self.axis, [values[index] for index in step.arguments])
        series = self._series_by_metric.get(step.metric) if step.metric is not None else None
        return self.axis.empty() if series is None else self.axis.grid(series)


def _key(operation: str, keys: tuple[bytes, ...]) -> bytes:
    digest = blake2b(operation.encode(), digest_size=_KEY_BYTES)
    for key in keys:
        digest.update(key)
    return digest.digest()
