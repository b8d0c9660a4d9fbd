"""Facts about the list of queries: limits, ids, what is used before it is there, and circles."""

import pytest

from detector.cloudwatch.metrics.errors import MetricMathError
from detector.cloudwatch.metrics.queries import Query, check_queries
from detector.cloudwatch.metrics.series import FleetMetric

METRIC = FleetMetric("Detector/Fleet", "Faults", (), "Sum")
M1 = Query("m1", metric=METRIC, period_seconds=60)


def refused(*queries: Query) -> str:
    with pytest.raises(MetricMathError) as caught:
        check_queries(queries)
    return str(caught.value)


def test_every_query_stands_after_those_that_it_uses() -> None:
    checked = check_queries(
        [
            Query("e3", expression="e2 + e1"),
            Query("e2", expression="e1 * m1"),
            Query("e1", expression="m1"),
            M1,
        ]
    )
    assert ["m1", "e1", "e2", "e3"] == [query.id for query in checked.ordered]


NO_CIRCLE = "expressions that do not need themselves"
ID_RULE = "1 to 255 letters, digits and underscores after a small letter"


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        ([], "found no query, expected at least one"),
        ([M1] * 501, "found 501 queries, expected at most 500"),
        ([M1, M1], "m1: found the id twice, expected ids that differ"),
        ([Query("M1", metric=METRIC)], f'found the id "M1", expected {ID_RULE}'),
        ([Query("", metric=METRIC)], f'found the id "", expected {ID_RULE}'),
        ([Query("é", metric=METRIC)], f'found the id "é", expected {ID_RULE}'),
        ([Query("a-b", metric=METRIC)], f'found the id "a-b", expected {ID_RULE}'),
        ([Query("m1")], "m1: found neither of them, expected either a metric or an expression"),
        (
            [Query("m1", metric=METRIC, expression="m2")],
            "m1: found both, expected either a metric or an expression",
        ),
        ([Query("m1", metric=METRIC)], "m1: found no period, expected a period in seconds"),
        (
            [Query("m1", metric=METRIC, period_seconds=0)],
            "m1: found a period of 0 s, expected at least 1 s",
        ),
        (
            [M1, Query("e1", expression="m1 +\n m2")],
            'e1: line 2, column 2: found "m2", expected the id of a query of this request',
        ),
        (
            [M1, Query("e1", expression="m1 +")],
            'e1: line 1, column 5: found the end, expected a number, an id, a function, "(" or "["',
        ),
        (
            [Query("e1", expression="e1 + 1")],
            f"e1: found the circle e1 -> e1, expected {NO_CIRCLE}",
        ),
        (
            [
                M1,
                Query("e0", expression="e1 + m1"),
                Query("e1", expression="e2"),
                Query("e2", expression="e3"),
                Query("e3", expression="e1 + m1"),
            ],
            f"e1: found the circle e1 -> e2 -> e3 -> e1, expected {NO_CIRCLE}",
        ),
    ],
)
def test_what_is_no_request_is_refused(queries: list[Query], message: str) -> None:
    assert message == refused(*queries)


def test_a_long_circle_is_listed_in_part() -> None:
    ring = [Query(f"e{at}", expression=f"e{(at + 1) % 300}") for at in range(300)]
    listed = " -> ".join(f"e{at}" for at in range(10))
    assert f"the circle {listed} -> ..." in refused(*ring)


def test_a_long_chain_is_no_circle() -> None:
    chain = [Query(f"e{at}", expression=f"e{at + 1} + 1") for at in range(499)]
    checked = check_queries([*chain, Query("e499", metric=METRIC, period_seconds=60)])
    assert "e499" == checked.ordered[0].id
