"""What the member ``Extensions`` says; its faults are files in ``tests/rules/files/bad``."""

import json
from typing import Any

import pytest

from detector.rules.parser import parse_rule
from detector.rules.rules import ContributorRule, Filter, Operator, Percentiles, Ratio


def rule(aggregate: str = "Count", **extensions: Any) -> ContributorRule:
    contribution: dict[str, Any] = {"Keys": ["$.host"]}
    if aggregate == "Sum":
        contribution["ValueOf"] = "$.Requests"
    text = json.dumps(
        {
            "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
            "LogGroupNames": ["*"],
            "LogFormat": "JSON",
            "Contribution": contribution,
            "AggregateOn": aggregate,
            "Extensions": extensions,
        }
    )
    return parse_rule(text, name="r")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"EndsWith": ["a", "b"]}, (Operator.ENDS_WITH, ("a", "b"))),
        ({"Contains": ["a"]}, (Operator.CONTAINS, ("a",))),
        ({"Matches": "^a"}, (Operator.MATCHES, ("^a",))),
        ({"Between": [-1, 2.5]}, (Operator.BETWEEN, (-1.0, 2.5))),
        ({"Between": [3, 3]}, (Operator.BETWEEN, (3.0, 3.0))),
        ({"EqualTo": "a"}, (Operator.IN, ("a",))),
        ({"NotEqualTo": ""}, (Operator.NOT_IN, ("",))),
        ({"EqualTo": 5}, (Operator.EQUAL_TO, 5.0)),
        ({"NotEqualTo": 5}, (Operator.NOT_EQUAL_TO, 5.0)),
        ({"StartsWith": ["a"]}, (Operator.STARTS_WITH, ("a",))),
        ({"IsPresent": False}, (Operator.IS_PRESENT, False)),
    ],
)
def test_a_filter_has_every_operator(condition: dict[str, Any], expected: tuple[Any, Any]) -> None:
    wanted = Filter(("f",), *expected)
    written = {"Match": "$.f", **condition}
    assert (wanted,) == rule(Filters=[written]).filters
    assert ((wanted, wanted), (wanted,)) == rule(AnyOf=[[written, written], [written]]).any_of


def test_keys_and_filters_are_added_to_those_of_the_contribution() -> None:
    keys = [f"$.k{number}" for number in range(7)]
    filters = [{"Match": "$.f", "EqualTo": number} for number in range(16)]
    extended = rule(Keys=keys, Filters=filters)
    assert ("$.host", *keys) == extended.key_labels
    assert [float(number) for number in range(16)] == [each.operand for each in extended.filters]


def test_a_ratio_has_a_numerator_over_what_the_rule_counts() -> None:
    faulty = {"Match": "$.Status", "Between": [500, 599]}
    wanted = Filter(("Status",), Operator.BETWEEN, (500.0, 599.0))
    assert Ratio((wanted,), None, 1.0) == rule(Ratio={"Numerator": {"Filters": [faulty]}}).measure
    both = {"Numerator": {"ValueOf": "$.Faults", "Filters": [faulty]}, "MinimumDenominator": 50}
    assert Ratio((wanted,), ("Faults",), 50.0) == rule("Sum", Ratio=both).measure


def test_percentiles_have_bounds_that_can_be_left_out() -> None:
    plain = {"Of": "$.Latency", "At": [99]}
    assert Percentiles(("Latency",), (99.0,), 1.0, 2_000) == rule(Percentiles=plain).measure
    whole = plain | {"At": [0, 50, 99.9, 100], "MinimumSamples": 20, "MostContributors": 20_000}
    expected = Percentiles(("Latency",), (0.0, 50.0, 99.9, 100.0), 20.0, 20_000)
    assert expected == rule(Percentiles=whole).measure


def test_an_empty_member_asks_for_nothing() -> None:
    assert rule().version == parse_rule_without_extensions().version


def parse_rule_without_extensions() -> ContributorRule:
    text = json.dumps(
        {
            "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
            "LogGroupNames": ["*"],
            "LogFormat": "JSON",
            "Contribution": {"Keys": ["$.host"]},
            "AggregateOn": "Count",
        }
    )
    return parse_rule(text, name="r")


FAULTY = {"Match": "$.Faults", "GreaterThan": 0}
SLOW = {"Match": "$.Latency", "GreaterThan": 100}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"AnyOf": [[FAULTY], [SLOW]]}, {"AnyOf": [[SLOW], [FAULTY]]}, True),
        ({"AnyOf": [[FAULTY, SLOW]]}, {"AnyOf": [[SLOW, FAULTY]]}, True),
        ({"AnyOf": [[FAULTY, SLOW]]}, {"AnyOf": [[FAULTY], [SLOW]]}, False),
        ({"Filters": [FAULTY]}, {"AnyOf": [[FAULTY]]}, False),
        ({"Keys": ["$.a"]}, {"Keys": ["$.b"]}, False),
        (
            {"Ratio": {"Numerator": {"Filters": [FAULTY]}}},
            {"Ratio": {"Numerator": {"Filters": [SLOW]}}},
            False,
        ),
        (
            {"Ratio": {"Numerator": {"ValueOf": "$.Faults"}}},
            {"Ratio": {"Numerator": {"ValueOf": "$.Faults"}, "MinimumDenominator": 1}},
            True,
        ),
        (
            {"Ratio": {"Numerator": {"ValueOf": "$.Faults"}}},
            {"Ratio": {"Numerator": {"ValueOf": "$.Faults"}, "MinimumDenominator": 2}},
            False,
        ),
        (
            {"Percentiles": {"Of": "$.Latency", "At": [99]}},
            {"Percentiles": {"Of": "$.Latency", "At": [99, 50]}},
            False,
        ),
    ],
)
def test_the_version_follows_the_meaning(
    one: dict[str, Any], other: dict[str, Any], same: bool
) -> None:
    assert same is (rule(**one).version == rule(**other).version)
