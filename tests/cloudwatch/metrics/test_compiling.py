"""Types are checked before anything is evaluated: exact messages, and what is taken."""

import pytest

from detector.cloudwatch.metrics.compiling import MAX_SERIES
from detector.cloudwatch.metrics.errors import MetricMathError
from detector.cloudwatch.metrics.program import Program, compile_queries
from detector.cloudwatch.metrics.queries import Query
from detector.cloudwatch.metrics.series import FleetMetric, InsightRuleMetric, RuleMetric

FUNCTIONS = (
    "ABS, AVG, CEIL, DATAPOINT_COUNT, DATE, DAY, DIFF, DIFF_TIME, EPOCH, FILL, FIRST, FLOOR, HOUR, "
    "IF, LAST, LOG, LOG10, MAX, METRICS, METRIC_COUNT, MIN, MINUTE, MONTH, PERIOD, RATE, "
    "REMOVE_EMPTY, RUNNING_SUM, SLICE, SORT, STDDEV, SUM, TIME_SERIES, YEAR"
)
IFS = (
    "IF(TS, S) or IF(TS, TS) or IF(TS, S, S) or IF(TS, S, TS) or IF(TS, TS, S) or IF(TS, TS, TS) "
    "or IF(S, TS) or IF(S, TS, TS)"
)
FILLS = (
    "FILL(TS, S) or FILL(TS, TS) or FILL(TS, REPEAT) or FILL(TS, LINEAR) or FILL(TS[], S) or "
    "FILL(TS[], TS) or FILL(TS[], REPEAT) or FILL(TS[], LINEAR)"
)
SLICES = "SLICE(TS[], S) or SLICE(TS[], S, S)"
ELSEWHERE = "what SEARCH reads is only in CloudWatch"
INSTEAD = "put it into TIME_SERIES(...), or return no data of it"
SORTS = "SORT(TS[], AVG|MIN|MAX|SUM, ASC|DESC) or SORT(TS[], AVG|MIN|MAX|SUM, ASC|DESC, S)"
METRICS_OF_RULES = (
    "UniqueContributors, MaxContributorValue, SampleCount, Sum, Minimum, Maximum, Average"
)


def compiled(expression: str, *, return_data: bool = True) -> Program:
    return compile_queries(
        [
            Query(
                "m1", metric=FleetMetric("Detector/Fleet", "Faults", (), "Sum"), period_seconds=60
            ),
            Query(
                "m2", metric=FleetMetric("Detector/Fleet", "Requests", (), "Sum"), period_seconds=60
            ),
            Query("e0", expression="m1 * 2"),
            Query("e1", expression=expression, return_data=return_data),
        ]
    )


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("SUM(5) + m1", "line 1, column 1: found SUM(S), expected SUM(TS) or SUM(TS[])"),
        ("m1 + SUM(m1, m2)", "line 1, column 6: found SUM(TS, TS), expected SUM(TS) or SUM(TS[])"),
        ("SUM()", "line 1, column 1: found SUM(), expected SUM(TS) or SUM(TS[])"),
        ("SUM(DESC)", "line 1, column 1: found SUM(DESC), expected SUM(TS) or SUM(TS[])"),
        ("ABS(1)", "line 1, column 1: found ABS(S), expected ABS(TS) or ABS(TS[])"),
        ("HOUR([m1])", "line 1, column 1: found HOUR(TS[]), expected HOUR(TS)"),
        ("FIRST(m1)", "line 1, column 1: found FIRST(TS), expected FIRST(TS[])"),
        ("TIME_SERIES(m1)", "line 1, column 1: found TIME_SERIES(TS), expected TIME_SERIES(S)"),
        ("IF(1, 2, m1)", f"line 1, column 1: found IF(S, S, TS), expected {IFS}"),
        ("IF([m1], 1)", f"line 1, column 1: found IF(TS[], S), expected {IFS}"),
        ("FILL(m1, ZERO)", f"line 1, column 1: found FILL(TS, ZERO), expected {FILLS}"),
        ('FILL(m1, "0")', f'line 1, column 1: found FILL(TS, "text"), expected {FILLS}'),
        ("FILL(1, 2)", f"line 1, column 1: found FILL(S, S), expected {FILLS}"),
        ("SORT([m1], STDDEV, ASC)",
         f"line 1, column 1: found SORT(TS[], STDDEV, ASC|DESC), expected {SORTS}"),
        ("SORT([m1], AVG)",
         f"line 1, column 1: found SORT(TS[], AVG|MIN|MAX|SUM), expected {SORTS}"),
        ("SLICE([m1])", f"line 1, column 1: found SLICE(TS[]), expected {SLICES}"),
        ("METRICS(1)", 'line 1, column 1: found METRICS(S), expected METRICS() or METRICS("text")'),
        ("m1 / PERIOD(e0)",
         "line 1, column 6: found PERIOD(TS), expected PERIOD(the id of a metric)"),
        ("[m1, 5]", "line 1, column 1: found [TS, S], expected only TS and TS[] in an array"),
        ("[m1] + [m2]", 'line 1, column 6: found "TS[] + TS[]", expected TS[] on one side at most'),
        ("[m1] > 5", 'line 1, column 6: found "TS[] > S", expected S or TS on both sides'),
        ("m1 && [m1]", 'line 1, column 4: found "TS && TS[]", expected S or TS on both sides'),
        ("SUMM(m1)",
         f"line 1, column 1: found the function SUMM, expected one of {FUNCTIONS}"),
        ("SEARCH('{a}', 'Sum', 300)",
         f"line 1, column 1: found the function SEARCH, expected one of {FUNCTIONS}: {ELSEWHERE}"),
        ("m1 + 1e999", "line 1, column 6: found 1e999, expected a number below 1.8e308"),
        ("INSIGHT_RULE_METRIC(rule, Median)",
         f'line 1, column 27: found "Median", expected one of {METRICS_OF_RULES}'),
        ('INSIGHT_RULE_METRIC("", Sum)',
         'line 1, column 21: found the rule name "", expected 1 to 128 printable characters'),
        ("m3", 'line 1, column 1: found "m3", expected the id of a query of this request'),
        ("SUM(m1)", f"found S as the result, expected TS or TS[]: {INSTEAD}"),
        ("[" + ",".join(["m1"] * 501) + "]",
         f"line 1, column 1: found an array of 501 series, expected at most {MAX_SERIES}"),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_is_refused_with_its_place(expression: str, message: str) -> None:
    with pytest.raises(MetricMathError) as caught:
        compiled(expression)
    assert f"e1: {message}" == str(caught.value)


def test_a_scalar_may_be_used_by_others_when_it_is_not_returned() -> None:
    program = compile_queries(
        [
            *compiled("SUM(m1)", return_data=False).queries,
            Query("e2", expression="m1 / e1"),
        ]
    )
    assert ["S", "TS"] == [program.result_by_id[name].kind for name in ("e1", "e2")]


@pytest.mark.parametrize(
    "text",
    [
        "INSIGHT_RULE_METRIC(faults-by-host, Sum)",
        'INSIGHT_RULE_METRIC("faults-by-host", "Sum")',
        "INSIGHT_RULE_METRIC('faults-by-host', 'Sum')",
    ],
)
def test_a_bare_rule_is_the_name_of_the_rule_itself(text: str) -> None:
    program = compile_queries([Query("e1", expression=text, period_seconds=60)])
    assert (InsightRuleMetric("faults-by-host", RuleMetric.SUM),) == program.metrics


def test_a_bare_rule_is_never_the_id_of_a_query() -> None:
    program = compiled("INSIGHT_RULE_METRIC(m1, Sum)")
    assert InsightRuleMetric("m1", RuleMetric.SUM) in program.metrics
