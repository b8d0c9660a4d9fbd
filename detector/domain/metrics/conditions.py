"""Expressions that alarms watch, and the evaluation of many of them at once.

Sources: Amazon CloudWatch User Guide, "Using metric math" and "Create an alarm based on a metric
math expression", and the model of its API (PutMetricAlarm, MetricDataQuery): at most 10 metrics and
10 expressions, all of one period; exactly one returns data, and it is one series; no ``SEARCH``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from detector.domain.metrics.axis import Axis, Value, Values
from detector.domain.metrics.errors import MetricMathError
from detector.domain.metrics.plan import Evaluation, Kind, Step, shape_of
from detector.domain.metrics.program import compile_queries
from detector.domain.metrics.queries import Query
from detector.domain.metrics.series import Metric, Series

MAX_METRICS = 10
MAX_EXPRESSIONS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """One series that an alarm compares with its threshold.

    ``shape`` is the same for conditions that differ in nothing but the metrics that they read.
    """

    id: str
    label: str
    period_ms: int
    metrics: tuple[Metric, ...]
    steps: tuple[Step, ...]
    result: int
    shape: bytes

    @property
    def key(self) -> bytes:
        """What the result is made of: conditions with one key always have the same series."""
        return self.steps[self.result].key

    def evaluate(
        self, series_by_metric: Mapping[Metric, Series], *, start_ms: int, end_ms: int
    ) -> Series:
        """Return the datapoints of the periods that begin in ``[start_ms, end_ms)``."""
        evaluation = Evaluation(
            series_by_metric, start_ms=start_ms, end_ms=end_ms, period_ms=self.period_ms
        )
        return evaluation.axis.series(_values(evaluation.run(self.steps)[self.result]))


def compile_condition(queries: Sequence[Query]) -> Condition:
    """Compile what one alarm watches. Raise ``MetricMathError`` at the first fault."""
    metrics = sum(query.metric is not None for query in queries)
    if metrics > MAX_METRICS:
        raise MetricMathError(f"{metrics} metrics in an alarm", f"at most {MAX_METRICS}")
    if len(queries) - metrics > MAX_EXPRESSIONS:
        found = f"{len(queries) - metrics} expressions in an alarm"
        raise MetricMathError(found, f"at most {MAX_EXPRESSIONS}")
    program = compile_queries(queries)
    returned = [query for query in queries if query.return_data]
    if len(returned) != 1:
        found = f"{len(returned)} queries that return data"
        raise MetricMathError(found, "exactly one in an alarm")
    periods = sorted(set(program.period_by_id.values()))
    if len(periods) > 1:
        found = "periods of " + " and ".join(f"{period // 1000} s" for period in periods)
        raise MetricMathError(found, "one period in an alarm")
    [watched] = returned
    result = program.result_by_id[watched.id]
    if result.kind is not Kind.SERIES:
        expected = "one series, TS, which an alarm can watch"
        raise MetricMathError(f"{result.kind} as the result", expected, query_id=watched.id)
    if len(program.metrics) > MAX_METRICS:
        found = f"{len(program.metrics)} metrics in an alarm"
        raise MetricMathError(found, f"at most {MAX_METRICS}")
    return Condition(
        id=watched.id,
        label=result.label,
        period_ms=periods[0],
        metrics=program.metrics,
        steps=program.steps,
        result=result.step,
        shape=shape_of(program.steps, result.step),
    )


def evaluate_conditions(
    conditions: Sequence[Condition],
    series_by_metric: Mapping[Metric, Series],
    *,
    start_ms: int,
    end_ms: int,
    period_ms: int,
) -> tuple[Axis, Values]:
    """Evaluate many conditions of one period: a row for each, ``nan`` where it has no datapoint.

    Equal conditions are computed once, and those of one shape together, so that ten thousand alarms
    that differ in their metrics cost little more than one.
    """
    evaluation = Evaluation(series_by_metric, start_ms=start_ms, end_ms=end_ms, period_ms=period_ms)
    axis = evaluation.axis
    rows = np.full((len(conditions), axis.size), np.nan)
    for together in _by_shape(conditions):
        distinct = {condition.key: condition for condition in together.values()}
        values = _run(list(distinct.values()), evaluation, series_by_metric)
        row_by_key = dict(zip(distinct, values, strict=True))
        for place, condition in together.items():
            rows[place] = row_by_key[condition.key]
    return axis, rows


def _by_shape(conditions: Sequence[Condition]) -> Sequence[Mapping[int, Condition]]:
    by_shape: dict[bytes, dict[int, Condition]] = {}
    for place, condition in enumerate(conditions):
        by_shape.setdefault(condition.shape, {})[place] = condition
    return list(by_shape.values())


def _run(
    conditions: Sequence[Condition],
    evaluation: Evaluation,
    series_by_metric: Mapping[Metric, Series],
) -> Values:
    """Return a row for each of some conditions of one shape."""
    first, axis = conditions[0], evaluation.axis
    if len(conditions) == 1 or not all(step.row_wise for step in first.steps):
        return np.stack(
            [_values(evaluation.run(condition.steps)[condition.result]) for condition in conditions]
        )
    nothing = Series.empty()
    grids: list[Value] = [
        axis.grid_all(
            [series_by_metric.get(condition.metrics[place], nothing) for condition in conditions]
        )
        for place in range(len(first.metrics))
    ]
    values = evaluation.run_rows(first.steps, grids)[first.result]
    return np.broadcast_to(_values(values), (len(conditions), axis.size))


def _values(value: Value) -> Values:
    assert not isinstance(value, tuple)  # noqa: S101 - the kind of the result is a series
    return value
