"""Extended rules in the typed loop, and what only the reference can match beside it."""

from typing import Any

import pytest

from detector.rules.rules import ContributorRule, Filter, Operator, Percentiles, Ratio
from tests.builders import document, event, rule
from tests.support.loop_bench import Bench, rule_values

FAULTY = Filter(("Faults",), Operator.GREATER_THAN, 0.0)
SLOW = Filter(("Latency",), Operator.GREATER_THAN, 100.0)


def bytes_over(amount: float) -> Filter:
    return Filter(("Bytes",), Operator.GREATER_THAN, amount)


@pytest.mark.parametrize(
    ("written", "matched"),
    [
        (rule(filters=[Filter(("Operation",), Operator.ENDS_WITH, ("8", "x"))]), {8}),
        (rule(filters=[Filter(("Operation",), Operator.CONTAINS, ("p1", "p5"))]), {1, 5}),
        (rule(filters=[Filter(("Operation",), Operator.CONTAINS, ("p1",))]), {1}),
        (rule(filters=[Filter(("Operation",), Operator.MATCHES, ("^op[15]$",))]), {1, 5}),
        (rule(filters=[Filter(("Bytes",), Operator.BETWEEN, (1.0, 5.0))]), {1, 5}),
        (rule(filters=[Filter(("Faults",), Operator.BETWEEN, (5.0, 9.0))]), {5, 8}),
        (rule(any_of=[[bytes_over(6)], [Filter(("Operation",), Operator.IN, ("op1",))]]), {1, 8}),
        (rule(filters=[bytes_over(2)], any_of=[[bytes_over(6), FAULTY]]), {8}),
    ],
)
def test_each_extension_compares_as_the_reference(
    written: ContributorRule, matched: set[int]
) -> None:
    bench = Bench(document(Bytes=1, Operation="op1"), [written])
    (first,) = bench.read(
        *(
            event(0, InstanceId=f"h{n}", Bytes=n, Operation=f"op{n}", Faults=n)
            for n in (1, 5, 8)
        ),
        event(0),
    )  # fmt: skip
    assert ([], []) == (bench.handed_over, bench.matched_whole)
    assert {(f"h{n}",): 1.0 for n in matched} == rule_values(first, "faults-by-host")


@pytest.mark.parametrize(
    "measure",
    [
        Ratio((FAULTY,), None, 1.0),
        Ratio((FAULTY, SLOW), ("Bytes",), 1.0),
        Ratio((), ("Bytes",), 1.0),
        Ratio((), ("Faults",), 1.0),
        Percentiles(("Latency",), (99.0,), 1.0, 2),
        Percentiles(("Bytes",), (50.0, 1.0), 1.0, 9),
    ],
)
@pytest.mark.parametrize("value_of", [None, ["Faults"], ["Size"]])
def test_measures_are_kept_without_the_reference(
    measure: Ratio | Percentiles, value_of: list[str] | None
) -> None:
    if isinstance(measure, Percentiles):
        value_of = None
    written = rule(measure=measure, value_of=value_of, keys=[("InstanceId",), ("Caller",)])
    bench = Bench(document(Bytes=1, Size=2), [written])
    (first,) = bench.read(
        *(
            event(0, InstanceId=f"h{n % 3}", Bytes=n - 2, Faults=n % 2, Latency=60 * n, Size=n)
            for n in range(9)
        ),
        event(0),
        event(0, drop=["Caller"]),
    )
    assert ([], 1) == (bench.matched_whole, len(bench.handed_over))
    assert first.rules[0].measured is not None


NOT_COMPILABLE = [
    rule("nested", keys=[("a", "b")], filters=[FAULTY]),
    rule("presence", filters=[FAULTY, Filter(("Bytes",), Operator.IS_PRESENT, True)]),
]


def test_rules_that_no_loop_can_serve_are_matched_beside_it() -> None:
    bench = Bench(document(), [*NOT_COMPILABLE, rule("plain", filters=[SLOW])])
    nested: dict[str, Any] = {"a": {"b": "x"}}
    (first,) = bench.read(
        event(0, Faults=1, **nested),
        event(0, Faults=0, Latency=200, **nested),
        event(0, Faults=1, Bytes=7, Latency=200),
        event(0),
    )
    assert [] == bench.handed_over
    assert {("x",): 1.0} == rule_values(first, "nested")
    assert {("h1",): 1.0} == rule_values(first, "presence")
    assert {("h1",): 2.0} == rule_values(first, "plain")


def test_the_reference_is_asked_only_where_the_typed_filters_let_a_record_through() -> None:
    bench = Bench(document(), NOT_COMPILABLE)
    bench.read(event(0), event(0, Faults=1), event(0, Faults=0), event(0, Faults=2))
    assert 2 == len(bench.matched_whole)


def test_without_typed_filters_the_reference_is_asked_of_every_record() -> None:
    bench = Bench(document(), [*NOT_COMPILABLE, rule("bare", keys=[("a", 0)])])
    bench.read(event(0), event(0, Faults=1))
    assert 2 == len(bench.matched_whole)


def test_late_events_reach_no_rule() -> None:
    bench = Bench(document(), [rule("bare", keys=[("a", "b")])])
    nested: dict[str, Any] = {"a": {"b": "x"}}
    first, *_ = bench.read(event(0, **nested), event(4_000), event(10, **nested))
    assert {("x",): 1.0} == rule_values(first, "bare")
    assert 1 == bench.typed.losses[0]
