"""Functions and operators as Amazon CloudWatch User Guide documents them, example by example.

``-`` stands for a period without a datapoint. The first period begins on Thursday 29 February 2024
at 23:58 UTC and each lasts 60 seconds.
"""

import numpy as np
import pytest

from detector.cloudwatch.metrics.program import LabelledSeries, Result, compile_queries
from detector.cloudwatch.metrics.queries import Query
from detector.cloudwatch.metrics.series import FleetMetric, Metric, Series

START = 1_709_251_080_000
PERIOD = 60_000


def metric(name: str) -> Metric:
    return FleetMetric("Detector/Fleet", name, (), "Sum")


def column(text: str) -> Series:
    cells = text.split()
    there = [place for place, cell in enumerate(cells) if cell != "-"]
    return Series(
        times=START + PERIOD * np.array(there, dtype=np.int64),
        values=np.array([float(cells[place]) for place in there]),
    )


def evaluate(expression: str, **columns: str) -> Result:
    periods = max(len(text.split()) for text in columns.values())
    asked = [Query(name, metric=metric(name), period_seconds=60) for name in columns]
    program = compile_queries([*asked, Query("e1", expression=expression)])
    return program.evaluate(
        {metric(name): column(text) for name, text in columns.items()},
        start_ms=START,
        end_ms=START + PERIOD * periods,
        period_ms=PERIOD,
    )["e1"]


def cells(result: Result, periods: int) -> str:
    assert isinstance(result, Series)
    value_by_time = dict(zip(result.times.tolist(), result.values.tolist(), strict=True))
    found = [value_by_time.get(START + PERIOD * place) for place in range(periods)]
    return " ".join("-" if value is None else f"{value:.6g}" for value in found)


GUIDE = {"m1": "30 20 0 0", "m2": "20 - 20 -"}
"""The guide's ``metric1`` and ``metric2`` of its section on operators."""


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("m1 < m2", "0 0 1 0"),
        ("m1 >= 30", "1 0 0 0"),
        ("m1 > 15 AND m2 > 15", "1 0 0 0"),
        ("m1 > 15 OR m2 > 15", "1 1 1 0"),
        ("m1 > 15 && m2 > 15", "1 0 0 0"),
        ("m1 > 15 || m2 > 15", "1 1 1 0"),
        ("m1 + m2", "50 20 20 0"),
        ("m2 - m1", "-10 -20 20 0"),
        ("m1 * m2", "600 0 0 0"),
        ("m1 / m2", "1.5 - 0 -"),
        ("m2 / m1", "0.666667 0 - -"),
        ("m1 ^ m2", "3.48678e+29 1 0 1"),
        ("m2 == m1", "0 0 0 1"),
        ("m2 != m1", "1 1 1 0"),
        ("m2 <= 20", "1 - 1 -"),
        ("20 < m1", "1 0 0 0"),
        ("m2 + 1", "21 - 21 -"),
        ("100 / m1", "3.33333 5 - -"),
        ("-m2", "-20 - -20 -"),
        ("m2 ^ 0", "1 - 1 -"),
        ("1 ^ m2", "1 - 1 -"),
        ("(-m2) ^ 0.5", "- - - -"),
        ("m1 ^ 1000", "- - 0 0"),
        ("2 * 3 > 5 AND m1", "1 1 0 0"),
        ("m1 + 1 / 0", "- - - -"),
        ("m1 != 1 / 0", "- - - -"),
    ],
)
def test_operators_follow_the_guide(expression: str, expected: str) -> None:
    assert expected == cells(evaluate(expression, **GUIDE), 4)


CHOICE = {"m1": "1 1 0 0 -", "m2": "30 - 0 0 30", "m3": "0 0 20 - 20"}
"""The guide's ``metric1`` to ``metric3`` of its section on ``IF``."""


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("IF(m1, m2, m3)", "30 0 20 - -"),
        ("IF(m1, 5, m3)", "5 5 20 - -"),
        ("IF(m1, m2, 5)", "30 0 5 5 -"),
        ("IF(m1, m2)", "30 0 - - -"),
        ("IF(m1, 5)", "5 5 - - -"),
        ("IF(m1, 5, 6)", "5 5 6 6 -"),
        ("IF(-m1, 5, 6)", "5 5 6 6 -"),
        ("IF(m1 > 0, 5, 6)", "5 5 6 6 -"),
        ("IF(1, m2, m3)", "30 - 0 0 30"),
        ("IF(0, m2, m3)", "0 0 20 - 20"),
        ("IF(0, m2)", "- - - - -"),
        ("IF(1 / 0, m2, m3)", "- - - - -"),
        ("IF(SUM(m1) > 1, m2)", "30 - 0 0 30"),
        ("IF(m2 < 400, m2)", "30 - 0 0 30"),
        ("IF(DAY(m1) < 6, m1)", "1 1 0 0 0"),
        ("IF(m1, 1 / 0, 6)", "- - 6 6 -"),
    ],
)
def test_if_follows_the_guide(expression: str, expected: str) -> None:
    assert expected == cells(evaluate(expression, **CHOICE), 5)


SPARSE = {"m1": "4 - - 10 1 -", "m2": "- 2 2 - 3 -", "m3": "- - - - - -"}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("FILL(m1, 0)", "4 0 0 10 1 0"),
        ("FILL(m1, REPEAT)", "4 4 4 10 1 1"),
        ("FILL(m2, REPEAT)", "- 2 2 2 3 3"),
        ("FILL(m1, LINEAR)", "4 6 8 10 1 -"),
        ("FILL(m2, LINEAR)", "- 2 2 2.5 3 -"),
        ("FILL(m1, MIN(m1))", "4 1 1 10 1 1"),
        ("FILL(m1, m2)", "4 2 2 10 1 -"),
        ("FILL(m1, MAX(m3))", "4 - - 10 1 -"),
        ("FILL(m3, 7)", "7 7 7 7 7 7"),
        ("FILL(m3, REPEAT)", "- - - - - -"),
        ("SUM(FILL([m1, m2], 1))", "5 3 3 11 4 2"),
        ("SUM(FILL([m1, m2], REPEAT))", "4 6 6 12 4 4"),
        ("SUM(FILL([m1, m2], LINEAR))", "4 8 10 12.5 4 -"),
        ("SUM(FILL([m1, m3], m2))", "4 4 4 10 4 -"),
        ("SUM([m1, m2])", "4 2 2 10 4 -"),
        ("AVG([m1, m2])", "2 1 1 5 2 -"),
        ("MIN([m1, m2])", "4 2 2 10 1 -"),
        ("MAX([m1, m2])", "4 2 2 10 3 -"),
        ("STDDEV([m1, m2])", "0 0 0 0 1 -"),
        ("DATAPOINT_COUNT([m1, m2, m3])", "1 1 1 1 2 -"),
        ("SUM([])", "- - - - - -"),
        ("AVG([m3])", "- - - - - -"),
        ("TIME_SERIES(SUM(m1))", "15 15 15 15 15 15"),
        ("TIME_SERIES(AVG(m1))", "2.5 2.5 2.5 2.5 2.5 2.5"),
        ("TIME_SERIES(SUM(m1) / DATAPOINT_COUNT(m1))", "5 5 5 5 5 5"),
        ("TIME_SERIES(MIN(m1))", "1 1 1 1 1 1"),
        ("TIME_SERIES(MAX(m1))", "10 10 10 10 10 10"),
        ("TIME_SERIES(STDDEV(m1))", "3.74166 3.74166 3.74166 3.74166 3.74166 3.74166"),
        ("TIME_SERIES(MAX(m3))", "- - - - - -"),
        ("TIME_SERIES(STDDEV(m3))", "- - - - - -"),
        ("TIME_SERIES(SUM(m3) + AVG(m3) + DATAPOINT_COUNT(m3))", "0 0 0 0 0 0"),
        ("TIME_SERIES(-5)", "-5 -5 -5 -5 -5 -5"),
        ("m1 - AVG(m1)", "1.5 - - 7.5 -1.5 -"),
        ("MAX(m1) / m1", "2.5 - - 1 10 -"),
        ("m1 / PERIOD(m1)", "0.0666667 - - 0.166667 0.0166667 -"),
        ("m1 / METRIC_COUNT(METRICS())", "1.33333 - - 3.33333 0.333333 -"),
        ("RUNNING_SUM(m1)", "4 - - 14 15 -"),
        ("DIFF(m1)", "- - - 6 -9 -"),
        ("DIFF_TIME(m1)", "- - - 180 60 -"),
        ("RATE(m1)", "- - - 0.0333333 -0.15 -"),
        ("ABS(m1 - m2)", "4 2 2 10 2 -"),
        ("CEIL(m1 / 4)", "1 - - 3 1 -"),
        ("FLOOR(m1 / 4)", "1 - - 2 0 -"),
        ("LOG(m1)", "1.38629 - - 2.30259 0 -"),
        ("LOG10(m1)", "0.60206 - - 1 0 -"),
        ("LOG(m1 - 4)", "- - - 1.79176 - -"),
        ("MIN(ABS(-[m1, m2]))", "4 2 2 10 1 -"),
        ("SUM(100 / [m1, m2])", "25 50 50 10 133.333 -"),
        ("AVG([m1, m2] / m1)", "0.5 - - 0.5 2 -"),
        ("SUM(METRICS())", "4 2 2 10 4 -"),
        ('SUM(METRICS("2"))', "- 2 2 - 3 -"),
        ('SUM([METRICS("1"), METRICS("2")])', "4 2 2 10 4 -"),
        ("FIRST([m1, m2])", "4 - - 10 1 -"),
        ("LAST([m1, m2])", "- 2 2 - 3 -"),
        ("FIRST([])", "- - - - - -"),
        ("LAST([])", "- - - - - -"),
        ("FIRST(SORT([m1, m2], SUM, ASC))", "- 2 2 - 3 -"),
        ("FIRST(SORT([m2, m1], AVG, DESC))", "4 - - 10 1 -"),
        ("FIRST(SORT([m3, m2], MIN, ASC))", "- 2 2 - 3 -"),
        ("FIRST(REMOVE_EMPTY([m3, m2]))", "- 2 2 - 3 -"),
        ("SUM(SLICE([m1, m2, m3], 1))", "- 2 2 - 3 -"),
        ("SUM(SLICE([m1, m2, m3], 0, 1))", "4 - - 10 1 -"),
        ("SUM(SLICE([m1, m2], 1 / 0, 1 / 0))", "- - - - - -"),
        ("SUM(SLICE([m1, m2], -1))", "4 2 2 10 4 -"),
        ("IF(FIRST(SORT(METRICS(), AVG, DESC)) > 3, 1, 0)", "1 - - 1 0 -"),
        ("MINUTE(m3)", "58 59 0 1 2 3"),
        ("HOUR(m3)", "23 23 0 0 0 0"),
        ("DAY(m3)", "4 4 5 5 5 5"),
        ("DATE(m3)", "29 29 1 1 1 1"),
        ("MONTH(m3)", "2 2 3 3 3 3"),
        ("YEAR(m3)", "2024 2024 2024 2024 2024 2024"),
        ("EPOCH(m3) - 1709251080", "0 60 120 180 240 300"),
        ("RUNNING_SUM(m1 * 1.5e307)", "6e+307 - - - - -"),
    ],
)
def test_functions_follow_the_guide(expression: str, expected: str) -> None:
    assert expected == cells(evaluate(expression, **SPARSE), 6)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("[m1, m2]", ["m1", "m2"]),
        ("SORT(METRICS(), SUM, DESC)", ["m1", "m2", "m3"]),
        ("SORT(METRICS(), SUM, ASC)", ["m3", "m2", "m1"]),
        ("SORT(METRICS(), MAX, ASC, 2)", ["m2", "m1"]),
        ("SORT(METRICS(), MAX, ASC, -2)", []),
        ("SLICE(SORT(METRICS(), AVG, ASC), 1)", ["m2", "m1"]),
        ("REMOVE_EMPTY(METRICS())", ["m1", "m2"]),
        ("DIFF(METRICS() * 2)", ["m1", "m2", "m3"]),
        ("2 - [m1, m1 + m2]", ["m1", ""]),
        ("RUNNING_SUM([m1, m2])", ["m1", "m2"]),
    ],
)
def test_an_array_keeps_the_labels_of_what_it_is_made_of(
    expression: str, expected: list[str]
) -> None:
    result = evaluate(expression, **SPARSE)
    assert isinstance(result, tuple)
    assert all(isinstance(each, LabelledSeries) for each in result)
    assert expected == [each.label for each in result]
