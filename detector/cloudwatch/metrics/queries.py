"""The queries of one request: metrics, and expressions that refer to other queries by id.

Source of limits: the model of CloudWatch's API (MetricDataQuery) and Amazon CloudWatch User Guide,
"Using metric math".
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from detector.cloudwatch.metrics.errors import MetricMathError
from detector.cloudwatch.metrics.series import Metric
from detector.cloudwatch.metrics.syntax import Node, NodeKind, in_order, parse_expression
from detector.detection.explanations import plain_name

MAX_QUERIES = 500
"""CloudWatch's limit of queries in one request."""

_ID = re.compile(r"[a-z][A-Za-z0-9_]{0,254}")
_SHOWN_IN_CYCLE = 10


@dataclass(frozen=True, slots=True)
class Query:
    """One metric to read or one expression to compute: exactly one of the two is set.

    ``period_seconds`` is optional for an expression, which then has the period of the metrics that
    it uses. ``return_data`` false: the query is only an input of other expressions.
    """

    id: str
    expression: str | None = None
    metric: Metric | None = None
    period_seconds: int | None = None
    return_data: bool = True
    label: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class CheckedQueries:
    """Queries, each after those that it uses.

    ``nodes_by_id`` holds the nodes of every expression, each after its children.
    """

    ordered: tuple[Query, ...]
    nodes_by_id: Mapping[str, Sequence[Node]]


def check_queries(queries: Sequence[Query]) -> CheckedQueries:
    """Parse all expressions and order the queries. Raise ``MetricMathError`` at the first fault."""
    if not queries:
        raise MetricMathError("no query", "at least one")
    if len(queries) > MAX_QUERIES:
        raise MetricMathError(f"{len(queries)} queries", f"at most {MAX_QUERIES}")
    nodes_by_id: dict[str, Sequence[Node]] = {}
    for query in queries:
        _check_members(query)
        if query.id in nodes_by_id:
            raise MetricMathError("the id twice", "ids that differ", query_id=query.id)
        nodes_by_id[query.id] = ()
        if query.expression is not None:
            nodes_by_id[query.id] = _read(query.id, query.expression)
    uses_by_id = {query.id: _uses(query.id, nodes_by_id) for query in queries}
    return CheckedQueries(_ordered(queries, uses_by_id), nodes_by_id)


def _check_members(query: Query) -> None:
    if not _ID.fullmatch(query.id):
        raise MetricMathError(
            f'the id "{plain_name(query.id)}"',
            "1 to 255 letters, digits and underscores after a small letter",
        )
    if (query.expression is None) == (query.metric is None):
        found = "neither of them" if query.expression is None else "both"
        raise MetricMathError(found, "either a metric or an expression", query_id=query.id)
    if query.period_seconds is not None and query.period_seconds < 1:
        raise MetricMathError(
            f"a period of {query.period_seconds} s", "at least 1 s", query_id=query.id
        )
    if query.metric is not None and query.period_seconds is None:
        raise MetricMathError("no period", "a period in seconds", query_id=query.id)


def _read(query_id: str, expression: str) -> Sequence[Node]:
    try:
        return in_order(parse_expression(expression))
    except MetricMathError as error:
        raise error.of_query(query_id) from None


def _uses(query_id: str, nodes_by_id: Mapping[str, Sequence[Node]]) -> set[str]:
    """Return the ids that an expression names."""
    used = set()
    for node in nodes_by_id[query_id]:
        if node.kind is NodeKind.IDENTIFIER:
            if node.text not in nodes_by_id:
                found = f'"{plain_name(node.text)}"'
                raise node.fault(found, "the id of a query of this request").of_query(query_id)
            used.add(node.text)
    return used


def _ordered(queries: Sequence[Query], uses_by_id: Mapping[str, set[str]]) -> tuple[Query, ...]:
    waiting = {query.id: query for query in queries}
    ordered: list[Query] = []
    while waiting:
        ready = [query for query in waiting.values() if not uses_by_id[query.id] & waiting.keys()]
        if not ready:
            raise _cycle_error(list(waiting), uses_by_id)
        ordered += ready
        for query in ready:
            del waiting[query.id]
    return tuple(ordered)


def _cycle_error(waiting: list[str], uses_by_id: Mapping[str, set[str]]) -> MetricMathError:
    """Return the error of a cycle in ``waiting``, where every id uses another id of the list."""
    path = [waiting[0]]
    while path[-1] not in path[:-1]:
        path.append(next(used for used in waiting if used in uses_by_id[path[-1]]))
    cycle = path[path.index(path[-1]) :]
    listed = " -> ".join(cycle[:_SHOWN_IN_CYCLE])
    more = " -> ..." if len(cycle) > _SHOWN_IN_CYCLE else ""
    expected = "expressions that do not need themselves"
    return MetricMathError(f"the circle {listed}{more}", expected, query_id=cycle[0])
