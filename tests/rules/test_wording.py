"""Rules in words."""

import json
from typing import Any

from detector.rules.parser import parse_rule
from detector.rules.wording import rule_words


def words(**members: Any) -> list[str]:
    plain = {
        "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
        "LogGroupNames": ["*"],
        "LogFormat": "JSON",
        "Contribution": {"Keys": ["$.host"]},
        "AggregateOn": "Count",
    }
    return list(rule_words(parse_rule(json.dumps(plain | members), name="r")))


def filters(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"Filters": [{"Match": "$.f", **each} for each in conditions]}


def test_a_plain_rule() -> None:
    assert [
        "Reads JSON events of every log group.",
        "Counts events for each $.host.",
    ] == words()
    sums = words(
        LogGroupNames=["/shop/*", "api"],
        Contribution={"Keys": ["$.a", "$.b[0]"], "ValueOf": "$.Faults"},
        AggregateOn="Sum",
    )
    assert [
        "Reads JSON events of /shop/*, api.",
        "Adds up $.Faults for each combination of $.a and $.b[0].",
    ] == sums


def test_every_operator_of_a_filter() -> None:
    extended = filters(
        {"In": ["a", "b"]}, {"NotIn": ["a"]}, {"StartsWith": ["a"]}, {"EndsWith": ["a"]},
        {"Contains": ["a"]}, {"Matches": "^a"}, {"GreaterThan": 1}, {"LessThan": 1.5},
        {"EqualTo": 2}, {"NotEqualTo": 2}, {"Between": [1, 9]}, {"IsPresent": True},
        {"IsPresent": False}, {"EqualTo": "x"},
    )  # fmt: skip
    assert [
        'Only where $.f is one of "a", "b".',
        'Only where $.f is text and none of "a".',
        'Only where $.f starts with one of "a".',
        'Only where $.f ends with one of "a".',
        'Only where $.f contains one of "a".',
        'Only where $.f matches the pattern "^a".',
        "Only where $.f is greater than 1.",
        "Only where $.f is less than 1.5.",
        "Only where $.f is the number 2.",
        "Only where $.f is a number, but not 2.",
        "Only where $.f is from 1 to 9.",
        "Only where $.f is present.",
        "Only where $.f is not present.",
        'Only where $.f is one of "x".',
    ] == words(Extensions=extended)[2:]


def test_groups_and_measures() -> None:
    slow = {"Match": "$.Latency", "GreaterThan": 100}
    faulty = {"Match": "$.Faults", "GreaterThan": 0}
    extensions = {
        "AnyOf": [[slow, faulty], [faulty]],
        "Ratio": {"Numerator": {"Filters": [slow, faulty]}, "MinimumDenominator": 20},
    }
    assert [
        (
            "Only where at least one holds: $.Latency is greater than 100 and $.Faults is greater "
            "than 0; or $.Faults is greater than 0."
        ),
        (
            "The value is the number of them where $.Latency is greater than 100 and $.Faults is "
            "greater than 0, over what is counted."
        ),
        "Ranks contributors with at least 20 below the line.",
    ] == words(Extensions=extensions)[2:]
    assert (
        "The value is their $.Faults, over what is counted."
        == words(Extensions={"Ratio": {"Numerator": {"ValueOf": "$.Faults"}}})[2]
    )
    assert [
        "The value is percentile 99 (also 50, 99.9) of $.Latency, within 1 %.",
        (
            "Ranks contributors with at least 1 observations, and keeps those of at most 2000 in a "
            "pane."
        ),
    ] == words(Extensions={"Percentiles": {"Of": "$.Latency", "At": [99, 50, 99.9]}})[2:]
    alone = words(Extensions={"Percentiles": {"Of": "$.Latency", "At": [50]}})[2]
    assert "The value is percentile 50 of $.Latency, within 1 %." == alone


def test_a_rule_of_lines_by_arn() -> None:
    plain = {
        "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
        "LogGroupARNs": ["arn:aws:logs:eu-west-1:*:log-group:web*"],
        "LogFormat": "CLF",
        "Fields": {"1": "ip"},
        "Contribution": {"Keys": ["ip", "7"]},
        "AggregateOn": "Count",
    }
    assert [
        (
            "Reads lines of plain text (ip is field 1, 7 is field 7) of "
            "arn:aws:logs:eu-west-1:*:log-group:web*."
        ),
        "Counts events for each combination of ip and 7.",
    ] == list(rule_words(parse_rule(json.dumps(plain), name="r")))
