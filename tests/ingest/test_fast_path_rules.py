"""The typed loop matches rules as the reference does: operators, keys, sums, log groups."""

from typing import Any

import pytest

from detector.rules.rules import Filter, Operator
from tests.builders import (
    START,
    TOPIC,
    Message,
    document,
    emf,
    event,
    rule,
)
from tests.support.loop_bench import Bench, rule_values

FAULTY = Filter(("Faults",), Operator.GREATER_THAN, 0.0)


def number(operator: Operator, operand: float, name: str = "Bytes") -> Filter:
    return Filter((name,), operator, operand)


@pytest.mark.parametrize(
    ("condition", "matched"),
    [
        (number(Operator.GREATER_THAN, 5.0), {8}),
        (number(Operator.LESS_THAN, 5.0), {1}),
        (number(Operator.EQUAL_TO, 5.0), {5}),
        (number(Operator.NOT_EQUAL_TO, 5.0), {1, 8}),
        (Filter(("Operation",), Operator.IN, ("op5", "op8")), {5, 8}),
        (Filter(("Operation",), Operator.NOT_IN, ("op5",)), {1, 8}),
        (Filter(("Operation",), Operator.STARTS_WITH, ("op1", "x")), {1}),
        (Filter(("InstanceId",), Operator.IN, ("h5",)), {5}),
    ],
)
def test_each_operator_compares_as_the_reference(condition: Filter, matched: set[int]) -> None:
    sample = document(Bytes=1, Operation="op1")
    bench = Bench(sample, [rule(filters=[condition])])
    (first,) = bench.read(
        *(event(0, InstanceId=f"h{n}", Bytes=n, Operation=f"op{n}") for n in (1, 5, 8)), event(0)
    )
    assert [] == bench.handed_over
    assert {(f"h{n}",): 1.0 for n in matched} == rule_values(first, "faults-by-host")


def test_several_keys_whole_numbers_as_keys_and_shared_filters() -> None:
    keys = [("InstanceId",), ("Status",), ("Operation",), ("AZ-ID",)]
    rules = [
        rule("four", keys=keys, filters=[FAULTY]),
        rule("one", filters=[FAULTY]),
        rule("all"),
        rule("sum", value_of=["Status"]),
    ]
    sample = document(Status=1, Operation="get")
    bench = Bench(sample, rules)
    (first,) = bench.read(
        event(0, Status=200, Operation="get", Faults=1),
        event(0, Status=-7, Operation="get", Faults=1),
        event(0, Operation="get", Faults=1),
        event(0, Status=200, Operation="get"),
    )
    assert [] == bench.handed_over
    assert {
        ("h1", "200", "get", "use1-az1"): 1.0,
        ("h1", "-7", "get", "use1-az1"): 1.0,
    } == rule_values(first, "four")
    assert {("h1",): 3.0} == rule_values(first, "one")
    assert {("h1",): 400.0} == rule_values(first, "sum")


def test_a_sum_takes_no_negative_amounts_and_no_sums_without_the_field() -> None:
    bench = Bench(document(Bytes=1), [rule(value_of=["Bytes"])])
    (first,) = bench.read(event(0, Bytes=-5), event(0), event(0, Bytes=7))
    assert [] == bench.handed_over
    assert {("h1",): 7.0} == rule_values(first, "faults-by-host")
    assert (1.0, 7.0, 7.0) == (
        first.rules[0].samples,
        first.rules[0].minimum,
        first.rules[0].maximum,
    )


def test_a_rule_reads_its_log_groups_alone() -> None:
    rules = [rule("web", groups=["/web/*"]), rule("topic", groups=[TOPIC]), rule("every")]
    bench = Bench(document(), rules)
    group: dict[str, Any] = {"Timestamp": START, "LogGroupName": "/web/a"}
    (first,) = bench.read(
        Message(emf(metadata=group)),
        Message(emf(metadata=group)),
        event(0),
        Message(emf(metadata=group | {"LogGroupName": ""})),
        Message(emf(metadata=group | {"LogGroupName": 7})),
    )
    assert 1 == len(bench.handed_over)
    assert [2.0, 3.0, 5.0] == [
        rule_values(first, name)["h1",] for name in ("web", "topic", "every")
    ]


def test_log_groups_without_end_are_read_without_growing_memory() -> None:
    bench = Bench(document(), [rule(groups=["g*"])])
    groups = ({"Timestamp": START, "LogGroupName": f"g{n}"} for n in range(10_050))
    (first,) = bench.read(*(Message(emf(metadata=metadata)) for metadata in groups))
    assert {("h1",): 10_050.0} == rule_values(first, "faults-by-host")


def test_a_rule_on_a_member_that_must_be_absent_contributes_nothing() -> None:
    rules = [rule("inert", keys=[("instanceId",)]), rule("live", keys=[("host",)])]
    bench = Bench(document(drop=["InstanceId"], host="h1"), rules)
    (first,) = bench.read(event(0, drop=["InstanceId"], host="h1"))
    assert [] == bench.handed_over
    assert ["live"] == [table.rule for table in first.rules]
