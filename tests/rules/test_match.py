"""What an event contributes under a rule, operator by operator."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.vocabulary import Envelope, TimeSource
from detector.logs.events import LogEvent
from detector.logs.field_paths import parse_path
from detector.rules.contribution import Contribution
from detector.rules.match import match, passes
from detector.rules.rules import Aggregate, ContributorRule, Filter, Operator

MISSING = object()


def event(document: dict[str, Any], log_group: str = "/shop/api") -> LogEvent:
    return LogEvent(
        time_ms=1_790_000_000_000,
        time_source=TimeSource.EMF,
        envelope=Envelope.EMF,
        log_group=log_group,
        service="default",
        host="i-1",
        zone_id="",
        zone_name="",
        caller="",
        requests=7.0,
        faults=3.0,
        slow=0.0,
        connection_failures=0.0,
        event_id="",
        document=document,
    )


def rule(
    *keys: str,
    value_of: str | None = None,
    filters: tuple[Filter, ...] = (),
    groups: tuple[str, ...] = ("*",),
) -> ContributorRule:
    paths = tuple(path for key in keys or ("$.host",) if (path := parse_path(key)))
    return ContributorRule(
        "r",
        "1",
        groups,
        paths,
        filters,
        Aggregate.SUM if value_of else Aggregate.COUNT,
        parse_path(value_of) if value_of else None,
    )


def holds(value: object, operator: str, operand: Any) -> bool:
    document = {} if value is MISSING else {"f": value}
    wanted = Filter(("f",), Operator(operator), operand)
    return passes(document.get("f"), wanted)


@pytest.mark.parametrize(
    ("value", "operator", "operand", "expected"),
    [
        ("GET", "In", ("GET", "PUT"), True),
        ("get", "In", ("GET", "PUT"), False),
        ("", "In", ("",), True),
        (5, "In", ("5",), False),
        (MISSING, "In", ("GET",), False),
        ("POST", "NotIn", ("GET", "PUT"), True),
        ("GET", "NotIn", ("GET", "PUT"), False),
        (5, "NotIn", ("GET",), False),
        (None, "NotIn", ("GET",), False),
        (MISSING, "NotIn", ("GET",), False),
        ("/api/v1", "StartsWith", ("/web", "/api"), True),
        ("x/api", "StartsWith", ("/web", "/api"), False),
        (["/api"], "StartsWith", ("/api",), False),
        (MISSING, "StartsWith", ("",), False),
        (5, "GreaterThan", 4.0, True),
        (4, "GreaterThan", 4.0, False),
        ("5", "GreaterThan", 4.0, False),
        (True, "GreaterThan", 0.0, False),
        (MISSING, "GreaterThan", -1.0, False),
        ([1, 9], "GreaterThan", 4.0, True),
        ([1, 2], "GreaterThan", 4.0, False),
        ([], "GreaterThan", 4.0, False),
        ([1, "9"], "GreaterThan", 4.0, False),
        ({"Max": 9, "Min": 1, "Count": 3, "Sum": 12}, "GreaterThan", 4.0, True),
        ({"Max": 4, "Min": 1, "Count": 3, "Sum": 9}, "GreaterThan", 4.0, False),
        ({"Max": 0, "Min": 0, "Count": 0, "Sum": 0}, "LessThan", 4.0, False),
        ({"Values": [1, 9], "Counts": [5, 0]}, "GreaterThan", 4.0, False),
        (3, "LessThan", 4.0, True),
        (-3, "LessThan", 0.0, True),
        (4, "LessThan", 4.0, False),
        ({"Max": 9, "Min": 1, "Count": 3, "Sum": 12}, "LessThan", 2.0, True),
        (MISSING, "LessThan", 4.0, False),
        (4, "EqualTo", 4.0, True),
        (4.5, "EqualTo", 4.0, False),
        ([3, 4], "EqualTo", 4.0, True),
        (False, "EqualTo", 0.0, False),
        (MISSING, "EqualTo", 0.0, False),
        (5, "NotEqualTo", 4.0, True),
        (4, "NotEqualTo", 4.0, False),
        ([4, 4], "NotEqualTo", 4.0, False),
        ("5", "NotEqualTo", 4.0, False),
        (MISSING, "NotEqualTo", 4.0, False),
        ("x", "IsPresent", True, True),
        ("", "IsPresent", True, True),
        (0, "IsPresent", True, True),
        (False, "IsPresent", True, True),
        ([1, 0.5], "IsPresent", True, True),
        ([], "IsPresent", True, False),
        (["x"], "IsPresent", True, False),
        ([True], "IsPresent", True, False),
        ({}, "IsPresent", True, False),
        ({"a": 1}, "IsPresent", True, False),
        (None, "IsPresent", True, False),
        (MISSING, "IsPresent", True, False),
        (MISSING, "IsPresent", False, True),
        (None, "IsPresent", False, True),
        ({"a": 1}, "IsPresent", False, True),
        ("x", "IsPresent", False, False),
    ],
)
def test_each_operator_asks_its_own_question(
    value: object, operator: str, operand: Any, expected: bool
) -> None:
    assert expected is holds(value, operator, operand)


def test_count_counts_the_event_whatever_it_stands_for() -> None:
    added = match(event({"host": "h", "Faults": 37}), rule("$.host"))
    assert Contribution(("h",), 1.0, 1.0, 1.0, 1.0) == added


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, (5, 1, 5, 5)),
        (0, (0, 1, 0, 0)),
        ([1, 0, 4], (5, 3, 0, 4)),
        ({"Max": 9, "Min": 1, "Count": 3, "Sum": 12}, (12, 3, 1, 9)),
        ([], None),
        (-1, None),
        ("5", None),
        (None, None),
    ],
)
def test_sum_adds_the_total_of_its_field(
    value: object, expected: tuple[float, float, float, float] | None
) -> None:
    added = match(event({"host": "h", "v": value}), rule("$.host", value_of="$.v"))
    assert (None if expected is None else Contribution(("h",), *expected)) == added


def test_several_keys_make_one_contributor() -> None:
    document = {"a": {"b": "x"}, "list": [{"n": 7}], "ok": True, "f": 42.0}
    added = match(event(document), rule("$.a.b", "$.list[0].n", "$.ok", "$.f"))
    assert added is not None
    assert ("x", "7", "true", "42.0") == added.keys


@pytest.mark.parametrize("document", [{}, {"host": None}, {"host": {}}, {"host": []}])
def test_without_all_keys_nothing_is_contributed(document: dict[str, Any]) -> None:
    assert match(event({**document, "other": "x"}), rule("$.other", "$.host")) is None


def test_a_long_key_is_shortened() -> None:
    added = match(event({"host": "x" * 300}), rule("$.host"))
    short = match(event({"host": "x" * 300}), rule("$.host"), key_characters=64)
    assert added is not None
    assert short is not None
    assert (256, 64) == (len(added.keys[0]), len(short.keys[0]))


def test_all_filters_must_pass() -> None:
    wanted = (
        Filter(("status",), Operator.GREATER_THAN, 499.0),
        Filter(("status",), Operator.LESS_THAN, 600.0),
    )
    found = [
        match(event({"host": "h", "status": status}), rule("$.host", filters=wanted)) is not None
        for status in (499, 500, 599, 600)
    ]
    assert [False, True, True, False] == found


@pytest.mark.parametrize(
    ("groups", "covered"),
    [
        (("*",), True),
        (("/shop/api",), True),
        (("/shop/*",), True),
        (("/other", "/shop/a*"), True),
        (("/shop",), False),
        (("/Shop/*",), False),
        (("/shop/api/*",), False),
    ],
)
def test_a_rule_reads_the_log_groups_that_it_names(groups: tuple[str, ...], covered: bool) -> None:
    assert covered is (match(event({"host": "h"}), rule("$.host", groups=groups)) is not None)


numbers = st.integers(-5, 5) | st.floats(-5, 5)


@given(st.lists(numbers, min_size=1, max_size=5), numbers)
def test_a_list_passes_when_one_of_its_numbers_does(values: list[float], operand: float) -> None:
    for operator in ("GreaterThan", "LessThan", "EqualTo", "NotEqualTo"):
        single = [holds(value, operator, operand) for value in values]
        assert any(single) is holds(values, operator, operand)


@given(
    st.dictionaries(
        st.sampled_from(["host", "v", "f"]),
        st.recursive(
            st.none() | st.booleans() | numbers | st.text(max_size=3),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("a"), inner),
            max_leaves=4,
        ),
    ),
    st.sampled_from(list(Operator)),
)
def test_no_document_makes_it_raise(document: dict[str, Any], operator: Operator) -> None:
    operand: Any = 1.0
    if operator is Operator.IS_PRESENT:
        operand = True
    elif operator in {Operator.IN, Operator.NOT_IN, Operator.STARTS_WITH}:
        operand = ("a", "")
    wanted = (Filter(("f",), operator, operand),)
    added = match(event(document), rule("$.host", value_of="$.v", filters=wanted))
    assert added is None or (added.value >= 0 and added.samples > 0), json.dumps(document)
