"""What goes beyond CloudWatch, and lines of text: matched by the reference."""

from typing import Any

import pytest

from detector.core.vocabulary import Envelope
from detector.logs.events import LogEvent
from detector.logs.log_groups import parse_arn
from detector.rules.match import match, passes
from detector.rules.rules import ContributorRule, Filter, Operator, Percentiles, Ratio
from tests.builders import log_event, rule

FAULTY = Filter(("Faults",), Operator.GREATER_THAN, 0.0)
SLOW = Filter(("Latency",), Operator.GREATER_THAN, 100.0)
RATIO = Ratio((FAULTY,), None, 1.0)


def event(**document: Any) -> LogEvent:
    return log_event(document={"InstanceId": "h1", **document})


@pytest.mark.parametrize(
    ("value", "operator", "operand", "expected"),
    [
        ("use1-az1", Operator.ENDS_WITH, ("az2", "az1"), True),
        ("use1-az1", Operator.ENDS_WITH, ("AZ1",), False),
        (5, Operator.ENDS_WITH, ("5",), False),
        (None, Operator.ENDS_WITH, ("",), False),
        ("GetCart", Operator.CONTAINS, ("x", "tC"), True),
        ("GetCart", Operator.CONTAINS, ("x",), False),
        (["tC"], Operator.CONTAINS, ("tC",), False),
        ("GetCart", Operator.MATCHES, ("^Get[A-Z]",), True),
        ("getCart", Operator.MATCHES, ("^Get",), False),
        (7, Operator.MATCHES, ("7",), False),
        (5, Operator.BETWEEN, (5.0, 6.0), True),
        (6, Operator.BETWEEN, (5.0, 6.0), True),
        (6.1, Operator.BETWEEN, (5.0, 6.0), False),
        (-1, Operator.BETWEEN, (-2.0, 0.0), True),
        ("5", Operator.BETWEEN, (5.0, 6.0), False),
        ([1, 5.5], Operator.BETWEEN, (5.0, 6.0), True),
        ({"Min": 1, "Max": 9, "Count": 3, "Sum": 15}, Operator.BETWEEN, (4.0, 6.0), False),
        (None, Operator.BETWEEN, (-1.0, 1.0), False),
    ],
)
def test_each_operator_asks_its_own_question(
    value: Any, operator: Operator, operand: Any, expected: bool
) -> None:
    assert expected is passes(value, Filter(("f",), operator, operand))


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"Faults": 1}, True),
        ({"Latency": 200}, True),
        ({"Faults": 0, "Latency": 5}, False),
        ({"Faults": 1, "Latency": 200}, True),
        ({}, False),
    ],
)
def test_one_of_several_groups_is_enough(document: dict[str, Any], expected: bool) -> None:
    either = rule(any_of=[[FAULTY], [SLOW]])
    assert expected is (match(event(**document), either) is not None)


def test_a_group_must_pass_whole_and_filters_besides() -> None:
    both = rule(filters=[FAULTY], any_of=[[SLOW, FAULTY]])
    found = [
        match(event(Faults=faults, Latency=latency), both) is not None
        for faults in (0, 1)
        for latency in (5, 500)
    ]
    assert [False, False, False, True] == found


def parts(written: ContributorRule, **document: Any) -> tuple[float, float | None] | None:
    added = match(event(**document), written)
    return None if added is None else (added.value, added.numerator)


def test_a_ratio_counts_its_numerator_among_what_the_rule_counts() -> None:
    counting = rule(measure=RATIO)
    assert (1.0, 1.0) == parts(counting, Faults=3)
    assert (1.0, 0.0) == parts(counting, Faults=0)
    assert (1.0, 0.0) == parts(counting)


def test_a_ratio_of_sums_takes_a_numerator_that_is_no_number_for_nothing() -> None:
    summing = rule(value_of=["Requests"], measure=Ratio((), ("Faults",), 1.0))
    assert (10.0, 4.0) == parts(summing, Requests=10, Faults=[1, 3])
    assert (10.0, 0.0) == parts(summing, Requests=10, Faults="1")
    assert (10.0, 0.0) == parts(summing, Requests=10, Faults=-1)
    assert parts(summing, Faults=1) is None


def test_percentiles_take_every_observation_and_of_a_statistic_set_the_number_alone() -> None:
    sketched = rule(measure=Percentiles(("Latency",), (99.0,), 1.0, 7))
    one = match(event(Latency=12.5), sketched)
    several = match(event(Latency={"Values": [1, 9], "Counts": [2, 3]}), sketched)
    folded = match(event(Latency={"Min": 1, "Max": 9, "Count": 5, "Sum": 20}), sketched)
    assert one is not None
    assert several is not None
    assert folded is not None
    assert (1.0, ((12.5, 1.0),), 7) == (one.value, one.observations, one.max_sketched)
    assert (5.0, ((1.0, 2.0), (9.0, 3.0))) == (several.value, several.observations)
    assert (5.0, (), 1.0, 9.0) == (
        folded.value, folded.observations, folded.minimum, folded.maximum,
    )  # fmt: skip
    assert match(event(Latency="1"), sketched) is None
    assert match(event(Latency=[]), sketched) is None


def line(*tokens: str, group: str = "web") -> LogEvent:
    fields = {str(position): token for position, token in enumerate(tokens, start=1)}
    return log_event(document=fields, envelope=Envelope.CLF, log_group=group)


LINES = {"ip": 1, "status": 2, "bytes": 3}


def test_fields_of_a_line_are_text_and_numbers_where_a_number_is_asked_for() -> None:
    server = rule(
        keys=[("ip",), ("status",)],
        lines=LINES,
        filters=[
            Filter(("status",), Operator.GREATER_THAN, 499.0),
            Filter(("status",), Operator.STARTS_WITH, ("5",)),
            Filter(("ip",), Operator.IS_PRESENT, True),
        ],
        value_of=["bytes"],
    )
    added = match(line("192.0.2.1", "503", "17"), server)
    assert added is not None
    assert (("192.0.2.1", "503"), 17.0) == (added.keys, added.value)
    assert match(line("192.0.2.1", "499", "17"), server) is None
    assert match(line("192.0.2.1", "x", "17"), server) is None
    assert match(line("192.0.2.1", "503", "-"), server) is None
    assert match(line("192.0.2.1", "503"), server) is None
    assert match(line("192.0.2.1"), server) is None


def test_measures_and_groups_read_lines_too() -> None:
    server_fault = Filter(("status",), Operator.BETWEEN, (500.0, 599.0))
    ratio = rule(keys=[("ip",)], lines=LINES, measure=Ratio((server_fault,), ("bytes",), 1.0))
    added = match(line("a", "503", "17"), ratio)
    assert added is not None
    assert (1.0, 17.0) == (added.value, added.numerator)
    either = rule(keys=[("ip",)], lines=LINES, any_of=[[server_fault]])
    assert match(line("a", "503"), either) is not None
    assert match(line("a", "200"), either) is None
    sketched = rule(keys=[("ip",)], lines=LINES, measure=Percentiles(("bytes",), (50.0,), 1.0, 9))
    added = match(line("a", "200", "1.5"), sketched)
    assert added is not None
    assert ((1.5, 1.0),) == added.observations


def test_json_rules_and_lines_never_meet() -> None:
    either = {"1": "a", "ip": "a"}
    as_json = log_event(document=either)
    as_line = log_event(document=either, envelope=Envelope.CLF)
    reads_json, reads_lines = rule(keys=[("ip",)]), rule(keys=[("ip",)], lines={"ip": 1})
    assert [True, False, False, True] == [
        match(each, written) is not None
        for each in (as_json, as_line)
        for written in (reads_json, reads_lines)
    ]


def test_a_rule_by_arn_reads_its_groups() -> None:
    arn = parse_arn("arn:aws:logs:us-east-1:*:log-group:/shop/*")
    assert arn is not None
    written = rule(groups=[])
    by_arn = ContributorRule(
        written.name, "1", (), written.keys, (), written.aggregate_on, log_group_arns=(arn,)
    )
    found = [
        match(log_event(document={"InstanceId": "h"}, log_group=group), by_arn) is not None
        for group in ("/shop/api", "/other", str(arn).replace("*", "123456789012", 1))
    ]
    assert [True, False, True] == found
