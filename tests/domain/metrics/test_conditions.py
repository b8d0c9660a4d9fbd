"""Facts about what alarms watch: limits with exact messages, and many evaluated at once."""

from random import Random

import numpy as np
import pytest

from detector.domain.metrics.conditions import (
    Condition,
    compile_condition,
    evaluate_conditions,
)
from detector.domain.metrics.errors import MetricMathError
from detector.domain.metrics.queries import Query
from detector.domain.metrics.series import (
    FleetMetric,
    InsightRuleMetric,
    Metric,
    RuleMetric,
    Series,
)

PERIOD = 60_000


def metric(name: str) -> Metric:
    return FleetMetric("Detector/Fleet", name, (), "Sum")


def watched(name: str, *, return_data: bool = False, period: int = 60) -> Query:
    return Query(name, metric=metric(name), period_seconds=period, return_data=return_data)


def of_rule(rule: str, template: str) -> Condition:
    return compile_condition(
        [Query("e1", expression=template.replace("(RULE,", f'("{rule}",'), period_seconds=60)]
    )


SHARE = 'INSIGHT_RULE_METRIC(RULE,"MaxContributorValue") / INSIGHT_RULE_METRIC(RULE,"Sum") > 0.66'
TEMPLATES = [
    SHARE,
    "FILL(INSIGHT_RULE_METRIC(RULE, Sum), REPEAT)",
    "FILL(INSIGHT_RULE_METRIC(RULE, Sum), LINEAR)",
    "RATE(INSIGHT_RULE_METRIC(RULE, Sum)) + RUNNING_SUM(INSIGHT_RULE_METRIC(RULE, Sum))",
    "IF(AVG(INSIGHT_RULE_METRIC(RULE, Sum)) > 3, INSIGHT_RULE_METRIC(RULE, Sum))",
    "IF(INSIGHT_RULE_METRIC(RULE, Sum) > 3, MAX(INSIGHT_RULE_METRIC(RULE, Sum)), 1)",
    "STDDEV([INSIGHT_RULE_METRIC(RULE, Sum), INSIGHT_RULE_METRIC(RULE, Maximum), TIME_SERIES(3)])",
    "AVG([INSIGHT_RULE_METRIC(RULE, Sum), HOUR(INSIGHT_RULE_METRIC(RULE, Sum))] * 2)",
    "FIRST(SORT([INSIGHT_RULE_METRIC(RULE, Sum), INSIGHT_RULE_METRIC(RULE, Maximum)], SUM, DESC))",
    "TIME_SERIES(MIN(INSIGHT_RULE_METRIC(RULE, Sum)) / 2)",
    "TIME_SERIES(DATAPOINT_COUNT(INSIGHT_RULE_METRIC(RULE, Sum)))",
    "HOUR(INSIGHT_RULE_METRIC(RULE, Sum)) + 0 * TIME_SERIES(1)",
    "-INSIGHT_RULE_METRIC(RULE, Sum) ^ 0.5",
]


def datapoints(chance: Random, periods: int) -> Series:
    there = [at for at in range(periods) if chance.random() < 0.7]
    return Series(
        times=PERIOD * np.array(there, dtype=np.int64),
        values=np.array([float(chance.randint(0, 9)) for _ in there]),
    )


def test_many_conditions_at_once_are_what_each_is_alone(seed: int) -> None:
    chance = Random(seed)
    rules = [f"rule-{number}" for number in range(12)]
    conditions = [of_rule(rule, template) for template in TEMPLATES for rule in rules]
    conditions += conditions[:7]
    chance.shuffle(conditions)
    known: dict[Metric, Series] = {
        InsightRuleMetric(rule, named): datapoints(chance, 8)
        for rule in rules[:-1]
        for named in RuleMetric
    }
    span = {"start_ms": PERIOD, "end_ms": 7 * PERIOD}
    axis, rows = evaluate_conditions(conditions, known, **span, period_ms=PERIOD)
    assert (len(conditions), 6) == rows.shape
    for condition, row in zip(conditions, rows, strict=True):
        alone, together = condition.evaluate(known, **span), axis.series(row)
        assert alone.times.tolist() == together.times.tolist()
        assert alone.values.tolist() == pytest.approx(together.values.tolist(), rel=1e-12)


def test_no_conditions_have_no_rows() -> None:
    _, rows = evaluate_conditions([], {}, start_ms=0, end_ms=PERIOD, period_ms=PERIOD)
    assert (0, 1) == rows.shape


def test_conditions_over_an_empty_range_have_no_datapoints() -> None:
    two = [of_rule("a", SHARE), of_rule("b", SHARE)]
    _, rows = evaluate_conditions(two, {}, start_ms=0, end_ms=0, period_ms=PERIOD)
    assert (2, 0) == rows.shape


def test_one_shape_is_what_differs_in_nothing_but_its_metrics() -> None:
    assert of_rule("a", SHARE).shape == of_rule("b", SHARE).shape
    assert of_rule("a", SHARE).key != of_rule("b", SHARE).key
    assert of_rule("a", SHARE).key == of_rule("a", SHARE.replace(">", " > ")).key
    assert of_rule("a", SHARE).shape != of_rule("a", SHARE.replace("0.66", "0.6")).shape


def test_a_metric_alone_can_be_watched() -> None:
    condition = compile_condition([watched("m1", return_data=True)])
    assert ("m1", "m1", PERIOD, (metric("m1"),)) == (
        condition.id,
        condition.label,
        condition.period_ms,
        condition.metrics,
    )


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        (
            [watched(f"m{at}") for at in range(11)],
            "found 11 metrics in an alarm, expected at most 10",
        ),
        (
            [Query(f"e{at}", expression="TIME_SERIES(1)") for at in range(11)],
            "found 11 expressions in an alarm, expected at most 10",
        ),
        (
            [
                Query(
                    "e1",
                    expression="+".join(f"INSIGHT_RULE_METRIC(r{at}, Sum)" for at in range(11)),
                    period_seconds=60,
                )
            ],
            "found 11 metrics in an alarm, expected at most 10",
        ),
        ([watched("m1")], "found 0 queries that return data, expected exactly one in an alarm"),
        (
            [watched("m1", return_data=True), watched("m2", return_data=True)],
            "found 2 queries that return data, expected exactly one in an alarm",
        ),
        (
            [watched("m1", return_data=True), watched("m2", period=300)],
            "found periods of 60 s and 300 s, expected one period in an alarm",
        ),
        (
            [watched("m1"), Query("e1", expression="METRICS()")],
            "e1: found TS[] as the result, expected one series, TS, which an alarm can watch",
        ),
        ([], "found no query, expected at least one"),
        (
            [watched("m1"), Query("e1", expression="m1 >")],
            'e1: line 1, column 5: found the end, expected a number, an id, a function, "(" or "["',
        ),
    ],
)
def test_what_an_alarm_cannot_watch_is_refused(queries: list[Query], message: str) -> None:
    with pytest.raises(MetricMathError) as caught:
        compile_condition(queries)
    assert message == str(caught.value)
