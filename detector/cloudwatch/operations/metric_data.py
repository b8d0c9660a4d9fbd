"""GetMetricData: datapoints of metrics, and of expressions over them, page by page.

Source: the model of CloudWatch's API and Amazon CloudWatch User Guide, "Using metric math".

Differences, because there is one account and one namespace: AccountId and Unit are accepted and
ignored, and the result says so. Any other namespace has no datapoints, like a namespace without
data in CloudWatch. Labels are returned as written, without values for ``${...}``, so LabelOptions
has no effect.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from detector.cloudwatch.metrics.errors import MetricMathError
from detector.cloudwatch.metrics.program import Program, Result, compile_queries
from detector.cloudwatch.metrics.queries import Query
from detector.cloudwatch.metrics.series import Metric, Series
from detector.cloudwatch.operations.contract import ApiError, Members, WholeMetricSource
from detector.cloudwatch.operations.metric_pages import cut, position_of, request_digest, token_of
from detector.cloudwatch.operations.metric_requests import (
    INVALID,
    NAMESPACE,
    at,
    check_period,
    check_range,
    check_statistic,
    first_period,
    fleet_metric,
    read_series,
)
from detector.detection.explanations import plain_name

MAX_DATAPOINTS = 100_800
"""CloudWatch's limit of datapoints in one answer, and the default."""

MAX_COMPUTED = 20_000_000
"""Our own limit of datapoints that all steps of one request may compute; it bounds memory."""

MAX_WAIT_MS = 60_000
"""Longest wait for a metric that lags behind, so that all are read to the same instant."""

_TIME_ZONE = re.compile(r"[+-]\d{4}", re.ASCII)
_MS = 1_000


class _Line(NamedTuple):
    """One series of the answer."""

    id: str
    label: str
    series: Series


class MetricData:
    """Answers GetMetricData from ``source``; ``now`` returns epoch seconds."""

    def __init__(
        self, source: WholeMetricSource, *, now: Callable[[], float], pane_seconds: int
    ) -> None:
        self._source = source
        self._now = now
        self._pane_seconds = pane_seconds

    async def get_metric_data(self, members: Members) -> Members:
        """Answer one request; raises ``ApiError``."""
        start, end = check_range(members)
        limit = _limit(members)
        _check_label_options(members.get("LabelOptions", {}))
        requested = members["MetricDataQueries"]
        queries = [self._query(number, each) for number, each in enumerate(requested, start=1)]
        digest = request_digest(members)
        token = members.get("NextToken")
        after = position_of(token, digest) if token else None
        lines = self._lines(queries, start, end)
        descending = members.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        page = cut([line.series for line in lines], after=after, limit=limit, descending=descending)
        notes = {each["Id"]: _notes(each) for each in requested}
        answer: dict[str, Any] = {
            "MetricDataResults": [
                _result(line._replace(series=part), more=more, notes=notes[line.id])
                for line, part, more in zip(lines, page.parts, page.more, strict=True)
            ],
            "Messages": [],
        }
        if page.end is not None:
            answer["NextToken"] = token_of(page.end, digest)
        return answer

    def _query(self, number: int, members: Mapping[str, Any]) -> Query:
        where = f"MetricDataQueries.member.{number}."
        stat, period = members.get("MetricStat"), members.get("Period")
        metric: Metric | None = None
        label = members.get("Label", "")
        if stat is not None:
            if period is not None:
                message = f"The parameter {where}Period belongs to an Expression, expected none."
                raise ApiError(INVALID, message)
            where += "MetricStat."
            period = stat["Period"]
            statistic = check_statistic(stat["Stat"], f"{where}Stat")
            metric = fleet_metric(stat["Metric"], statistic, f"{where}Metric.")
            label = label or stat["Metric"]["MetricName"]
        if period is not None:
            check_period(period, self._pane_seconds, f"{where}Period")
        return Query(
            id=members["Id"],
            expression=members.get("Expression"),
            metric=metric,
            period_seconds=period,
            return_data=members.get("ReturnData", True),
            label=label,
        )

    def _lines(self, queries: Sequence[Query], start: int, end: int) -> list[_Line]:
        """Return every series of the answer, in the order of the request."""
        results: dict[str, Result] = {}
        for period_ms, program in _by_period(queries):
            first = first_period(start, period_ms, int(self._now() * _MS))
            periods = max(0, -(-(end - first) // period_ms))
            if periods * program.series_computed > MAX_COMPUTED:
                message = (
                    f"The request computes {periods * program.series_computed:,} datapoints, "
                    f"expected at most {MAX_COMPUTED:,}: increase Period, or ask for less."
                )
                raise ApiError(INVALID, message)
            span = (first, self._read_end(program, first, end, period_ms), period_ms)
            results |= program.evaluate(
                {metric: read_series(self._source, metric, span) for metric in program.metrics},
                start_ms=first,
                end_ms=end,
                period_ms=period_ms,
            )
        lines: list[_Line] = []
        for query in queries:
            if query.return_data:
                lines += _lines_of(query, results[query.id])
        return lines

    def _read_end(self, program: Program, first: int, end: int, period_ms: int) -> int:
        """Return the time until which all metrics are read.

        It is the same for all: a report that arrives between two reads would be in one series only,
        and metric math takes a missing datapoint next to an existing one for 0.
        """
        whole = self._source.complete_until_ms(program.metrics)
        if whole is None:
            return end
        # A partition that stopped must not hold up the others forever.
        whole = max(whole, int(self._now() * _MS) - MAX_WAIT_MS)
        return min(end, first + max(0, (whole - first) // period_ms) * period_ms)


def _by_period(queries: Sequence[Query]) -> list[tuple[int, Program]]:
    """Compile a request: one program per period, since no expression mixes periods."""
    try:
        program = compile_queries(queries)
        period_by_id = program.period_by_id
        periods = sorted(set(period_by_id.values()))
        if len(periods) == 1:
            return [(periods[0], program)]
        return [
            (period, compile_queries([each for each in queries if period_by_id[each.id] == period]))
            for period in periods
        ]
    except MetricMathError as error:
        prefix = f"Error in expression '{error.query_id}': " if error.line else ""
        message = str(error).removeprefix(f"{error.query_id}: ") if prefix else str(error)
        raise ApiError("ValidationError", f"{prefix}{message}.") from None


def _lines_of(query: Query, result: Result) -> list[_Line]:
    if isinstance(result, Series):
        return [_Line(query.id, query.label or query.id, result)]
    own = query.label or query.id
    return [_Line(query.id, f"{own} {each.label}".rstrip(), each.series) for each in result]


def _result(line: _Line, *, more: bool, notes: Sequence[Mapping[str, str]]) -> Mapping[str, Any]:
    return {
        "Id": line.id,
        "Label": line.label,
        "Timestamps": [at(time) for time in line.series.times.tolist()],
        "Values": line.series.values.tolist(),
        "StatusCode": "PartialData" if more else "Complete",
        "Messages": list(notes),
    }


def _notes(members: Mapping[str, Any]) -> list[Mapping[str, str]]:
    """Return notes on members of a query that have no effect, and on why it may be empty."""
    notes: list[Mapping[str, str]] = []
    if "AccountId" in members:
        notes.append({"Code": "Ignored", "Value": "AccountId: this API has one account"})
    stat = members.get("MetricStat", {})
    if stat.get("Unit", "None") != "None":
        notes.append({"Code": "Ignored", "Value": "Unit: our metrics have none"})
    namespace = stat.get("Metric", {}).get("Namespace", NAMESPACE)
    if namespace != NAMESPACE:
        text = f"no namespace {plain_name(namespace)} here, only {NAMESPACE}"
        notes.append({"Code": "Empty", "Value": text})
    return notes


def _limit(members: Members) -> int:
    limit = int(members.get("MaxDatapoints", MAX_DATAPOINTS))
    if 1 <= limit <= MAX_DATAPOINTS:
        return limit
    message = f"The parameter MaxDatapoints is {limit}, expected 1 to {MAX_DATAPOINTS}."
    raise ApiError(INVALID, message)


def _check_label_options(options: Mapping[str, Any]) -> None:
    zone = options.get("Timezone", "+0000")
    if not _TIME_ZONE.fullmatch(zone):
        expected = "+ or - and four digits"
        message = f"The parameter LabelOptions.Timezone is {plain_name(zone)}, expected {expected}."
        raise ApiError(INVALID, message)
