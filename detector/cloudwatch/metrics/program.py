"""Metric math, ready to evaluate: any number of metrics and expressions over them.

How an expression is processed: ``syntax.py`` parses it, ``queries.py`` orders the queries,
``compiling.py`` checks types and compiles to steps (``plan.py``), and a ``Program`` runs them.

Law: a result has datapoints at periods of the requested range only; all its values are finite.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from detector.cloudwatch.metrics.axis import Value
from detector.cloudwatch.metrics.compiling import Compiled, ExpressionCompiler, Names
from detector.cloudwatch.metrics.errors import MetricMathError
from detector.cloudwatch.metrics.plan import DatapointRange, PlanBuilder, PlanStep, ValueKind
from detector.cloudwatch.metrics.queries import CheckedQueries, Query, check_queries
from detector.cloudwatch.metrics.series import Metric, Series

MAX_SERIES_COMPUTED = 20_000
"""Ours: most series that all steps of one program may compute; bounds the cost of a request."""

_MS_PER_SECOND = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class LabelledSeries:
    """One series of an array; ``label`` is that of its metric or expression."""

    label: str
    series: Series


Result = Series | tuple[LabelledSeries, ...]
"""A series or an array of series; only other expressions can use a scalar."""


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Compiled queries, in the order of the request.

    ``result_by_id``: the step, the type and the label of every query. ``period_by_id``: its period
    in milliseconds. ``series_computed``: the most series that one evaluation computes, which bounds
    its work and its memory.
    """

    queries: tuple[Query, ...]
    steps: tuple[PlanStep, ...]
    result_by_id: Mapping[str, Compiled]
    period_by_id: Mapping[str, int]
    series_computed: int

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics that the program reads, without duplicates."""
        return tuple(step.metric for step in self.steps if step.metric is not None)

    def evaluate(
        self,
        series_by_metric: Mapping[Metric, Series],
        *,
        start_ms: int,
        end_ms: int,
        period_ms: int,
    ) -> dict[str, Result]:
        """Return the results of the queries that have this period and return data, by id.

        Periods begin at ``start_ms`` and every ``period_ms`` after it, before ``end_ms``. A metric
        that is not in ``series_by_metric`` has no datapoints.
        """
        evaluation = DatapointRange(
            series_by_metric, start_ms=start_ms, end_ms=end_ms, period_ms=period_ms
        )
        return self.results(evaluation)

    def results(self, evaluation: DatapointRange) -> dict[str, Result]:
        """Return the same in a shared evaluation, which reuses equal steps of other programs."""
        values = evaluation.run(self.steps)
        period_ms = evaluation.axis.period_ms
        return {
            query.id: _result(evaluation, values[self.result_by_id[query.id].step])
            for query in self.queries
            if query.return_data and self.period_by_id[query.id] == period_ms
        }


def compile_queries(queries: Sequence[Query]) -> Program:
    """Compile queries. Raise ``MetricMathError`` at the first fault."""
    checked = check_queries(queries)
    builder, names = PlanBuilder(), Names()
    given = {query.period_seconds for query in queries if query.period_seconds is not None}
    period_by_id: dict[str, int] = {}
    for query in queries:
        if query.metric is not None and query.period_seconds is not None:
            step = builder.read(query.metric)
            names.by_id[query.id] = Compiled(step, ValueKind.SERIES, query.label or query.id)
            names.period_by_metric_id[query.id] = query.period_seconds
            period_by_id[query.id] = query.period_seconds
    for query in checked.ordered:
        if query.expression is not None:
            compiler = ExpressionCompiler(builder, names)
            result = _compiled(compiler, query, checked)
            used = {period_by_id[name] for name in compiler.used}
            period_by_id[query.id] = _period(query, used, given)
            names.by_id[query.id] = result._replace(label=query.label or query.id)
    computed = sum(step.width for step in builder.steps)
    if computed > MAX_SERIES_COMPUTED:
        raise MetricMathError(f"work on {computed} series", f"at most {MAX_SERIES_COMPUTED}")
    return Program(
        queries=tuple(queries),
        steps=tuple(builder.steps),
        result_by_id=names.by_id,
        period_by_id={name: period * _MS_PER_SECOND for name, period in period_by_id.items()},
        series_computed=computed,
    )


def _compiled(compiler: ExpressionCompiler, query: Query, checked: CheckedQueries) -> Compiled:
    """Compile one expression; as in CloudWatch, a scalar cannot be returned."""
    try:
        result = compiler.compile(checked.nodes_by_id[query.id])
    except MetricMathError as error:
        raise error.of_query(query.id) from None
    if query.return_data and result.kind is ValueKind.SCALAR:
        expected = "TS or TS[]: put it into TIME_SERIES(...), or return no data of it"
        raise MetricMathError("S as the result", expected, query_id=query.id)
    return result


def _period(query: Query, used: set[int], of_request: set[int]) -> int:
    """Return the period of an expression: its own and those of what it uses must be equal."""
    own = set() if query.period_seconds is None else {query.period_seconds}
    periods = own | used or of_request
    if not periods:
        raise MetricMathError("no period", "a period in seconds", query_id=query.id)
    if len(periods) > 1:
        found = " and ".join(f"{period} s" for period in sorted(periods))
        raise MetricMathError(f"periods of {found}", "one period", query_id=query.id)
    return next(iter(periods))


def _result(evaluation: DatapointRange, value: Value) -> Result:
    axis = evaluation.axis
    if isinstance(value, tuple):
        return tuple(LabelledSeries(lane.label, axis.series(lane.values)) for lane in value)
    return axis.series(value)
