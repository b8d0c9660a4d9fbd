"""Metric math against a second implementation, and what a whole program promises."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from detector.cloudwatch.metrics.errors import MetricMathError
from detector.cloudwatch.metrics.plan import DatapointRange
from detector.cloudwatch.metrics.program import Result, compile_queries
from detector.cloudwatch.metrics.queries import Query
from detector.cloudwatch.metrics.series import (
    FleetMetric,
    InsightRuleMetric,
    Metric,
    RuleMetric,
    Series,
)
from tests.support.metric_math import (
    Expression,
    Points,
    Recount,
    TooCloseError,
    arrays,
    render,
    series,
)

PERIOD = 60_000
START = 1_709_164_800_000 - 3 * PERIOD
"""Three periods before 29 February 2024, so that a range passes the end of a day."""

METRICS = ["m1", "m2", "m3"]


def metric(name: str) -> FleetMetric:
    return FleetMetric("Detector/Fleet", name, (("Fleet", "checkout"),), "Sum")


def series_of(points: Points) -> Series:
    return Series(
        times=np.array(sorted(points), dtype=np.int64),
        values=np.array([points[time] for time in sorted(points)], dtype=np.float64),
    )


@st.composite
def data(draw: st.DrawFn) -> tuple[int, dict[str, Points]]:
    periods = draw(st.integers(1, 9))
    values = st.none() | st.sampled_from([0.0, 0.0, 1.0, 2.0, 3.0, 7.5, -1.0, -2.5, 40.0])
    columns = {name: draw(st.lists(values, min_size=periods, max_size=periods)) for name in METRICS}
    points = {
        name: {
            START + PERIOD * place: value for place, value in enumerate(column) if value is not None
        }
        for name, column in columns.items()
    }
    return periods, points


def recount(
    expressions: dict[str, Expression], periods: int, points: dict[str, Points]
) -> dict[str, Any]:
    known: dict[str, Any] = dict(points)
    for name, expression in expressions.items():
        known[name] = Recount(known, METRICS, start=START, periods=periods, period=PERIOD).value(
            expression
        )
    return known


def agree(expected: Any, actual: Result) -> None:
    if isinstance(actual, tuple):
        assert len(expected) == len(actual)
        for points, labelled in zip(expected, actual, strict=True):
            agree(points, labelled.series)
        return
    assert sorted(expected) == actual.times.tolist()
    for time, value in zip(actual.times.tolist(), actual.values.tolist(), strict=True):
        assert math.isclose(expected[time], value, rel_tol=1e-6, abs_tol=1e-6)


@settings(max_examples=250)
@given(data(), series(METRICS, 3) | arrays(METRICS, 3), st.data())
def test_a_program_agrees_with_the_plain_recount(
    known: tuple[int, dict[str, Points]], first: Expression, more: st.DataObject
) -> None:
    periods, points = known
    expressions = {"e1": first}
    if not render(first).startswith(("METRICS", "[")):
        expressions["e2"] = more.draw(series(["m1", "e1"], 2)) if _is_series(first) else first
    try:
        expected = recount(expressions, periods, points)
    except TooCloseError:
        assume(False)
    queries = [Query(name, metric=metric(name), period_seconds=60) for name in METRICS]
    queries += [Query(name, expression=render(tree)) for name, tree in expressions.items()]
    assume(all(len(render(tree)) <= 2_048 for tree in expressions.values()))
    results = compile_queries(queries).evaluate(
        {metric(name): series_of(points[name]) for name in METRICS},
        start_ms=START,
        end_ms=START + periods * PERIOD,
        period_ms=PERIOD,
    )
    for name in expressions:
        agree(expected[name], results[name])


def _is_series(expression: Expression) -> bool:
    kind = (
        compile_queries(
            [
                *(Query(name, metric=metric(name), period_seconds=60) for name in METRICS),
                Query("e1", expression=render(expression)),
            ]
        )
        .result_by_id["e1"]
        .kind
    )
    return kind == "TS"


def asked(*expressions: str, period_seconds: int | None = None) -> list[Query]:
    return [
        *(Query(name, metric=metric(name), period_seconds=60) for name in METRICS),
        *(
            Query(f"e{number}", expression=text, period_seconds=period_seconds)
            for number, text in enumerate(expressions, start=1)
        ),
    ]


def test_the_expression_of_the_talk_works_as_it_is_written() -> None:
    text = (
        'INSIGHT_RULE_METRIC(rule,"MaxContributorValue") / INSIGHT_RULE_METRIC(rule,"Sum") > 0.66'
    )
    program = compile_queries([Query("e1", expression=text, period_seconds=60)])
    most = InsightRuleMetric("rule", RuleMetric.MAX_CONTRIBUTOR_VALUE)
    total = InsightRuleMetric("rule", RuleMetric.SUM)
    assert (most, total) == program.metrics
    known: dict[Metric, Series] = {
        most: series_of({START: 67.0, START + PERIOD: 66.0, START + 2 * PERIOD: 0.0}),
        total: series_of({START: 100.0, START + PERIOD: 100.0, START + 2 * PERIOD: 0.0}),
    }
    results = program.evaluate(known, start_ms=START, end_ms=START + 4 * PERIOD, period_ms=PERIOD)
    agree({START: 1.0, START + PERIOD: 0.0}, results["e1"])


def test_equal_parts_of_a_request_are_computed_once() -> None:
    program = compile_queries(asked("SUM(m1) * m2", "m3 + SUM(m1) * m2", "m1 + m1"))
    assert 3 + 4 == len(program.steps)


def test_programs_in_one_evaluation_share_what_is_equal() -> None:
    first, second = compile_queries(asked("m1 / m2 + 1")), compile_queries(asked("m1 / m2 + 2"))
    evaluation = DatapointRange(
        {metric("m1"): series_of({START: 6.0}), metric("m2"): series_of({START: 3.0})},
        start_ms=START,
        end_ms=START + PERIOD,
        period_ms=PERIOD,
    )
    agree({START: 3.0}, first.results(evaluation)["e1"])
    agree({START: 4.0}, second.results(evaluation)["e1"])
    division = {step.key for step in first.steps} & {step.key for step in second.steps}
    assert 3 + 1 == len(division)


def test_what_returns_no_data_and_what_has_another_period_is_not_in_the_results() -> None:
    queries = [
        Query("m1", metric=metric("m1"), period_seconds=60, return_data=False),
        Query("m2", metric=metric("m2"), period_seconds=300),
        Query("e1", expression="m1 * 2"),
        Query("e2", expression="m2 * 2"),
    ]
    program = compile_queries(queries)
    assert {"m1": 60_000, "m2": 300_000, "e1": 60_000, "e2": 300_000} == program.period_by_id
    span = {"start_ms": 0, "end_ms": 300_000}
    assert ["e1"] == list(program.evaluate({}, **span, period_ms=60_000))
    assert ["m2", "e2"] == list(program.evaluate({}, **span, period_ms=300_000))


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        (
            [Query("e1", expression="TIME_SERIES(1)")],
            "found no period, expected a period in seconds",
        ),
        (asked("m1", period_seconds=300), "found periods of 60 s and 300 s, expected one period"),
        (
            [
                Query("m1", metric=metric("m1"), period_seconds=60),
                Query("m2", metric=metric("m2"), period_seconds=300),
                Query("e1", expression="SUM(METRICS())"),
            ],
            "found periods of 60 s and 300 s, expected one period",
        ),
    ],
)
def test_an_expression_has_one_period(queries: list[Query], message: str) -> None:
    with pytest.raises(MetricMathError) as caught:
        compile_queries(queries)
    assert f"e1: {message}" == str(caught.value)


def test_an_expression_without_metrics_has_the_period_of_the_request() -> None:
    assert 60_000 == compile_queries(asked("TIME_SERIES(1)")).period_by_id["e1"]


def test_a_request_that_explodes_is_refused() -> None:
    metrics = [Query(f"m{at}", metric=metric(f"m{at}"), period_seconds=60) for at in range(400)]
    many = [Query(f"e{at}", expression=f"METRICS() * {at}") for at in range(100)]
    with pytest.raises(MetricMathError) as caught:
        compile_queries([*metrics, *many])
    assert "found work on 40900 series, expected at most 20000" == str(caught.value)


def test_datapoints_outside_the_range_are_left_out_and_a_period_takes_what_lies_in_it() -> None:
    points = {START - 1: 1.0, START: 2.0, START + 90_000: 3.0, START + 2 * PERIOD: 4.0}
    results = compile_queries(asked("m1")).evaluate(
        {metric("m1"): series_of(points)},
        start_ms=START,
        end_ms=START + 2 * PERIOD,
        period_ms=PERIOD,
    )
    agree({START: 2.0, START + PERIOD: 3.0}, results["e1"])


def test_an_empty_range_has_no_datapoints() -> None:
    program = compile_queries(asked("FILL(m1, 0) + RATE(m2)", "FILL(m1, LINEAR)"))
    results = program.evaluate({}, start_ms=START, end_ms=START, period_ms=PERIOD)
    agree({}, results["e1"])
    agree({}, results["e2"])


def test_a_period_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="period of 0 ms, expected more than 0"):
        compile_queries(asked("m1")).evaluate({}, start_ms=0, end_ms=1, period_ms=0)
