"""Examples of rules run through what counts in production, and differences are reported."""

import json
from typing import Any

import pytest

from detector.core.errors import RuleError
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.rules.rules import ContributorRule, Filter, Operator, Percentiles, Ratio
from detector.tables.rule_examples import ExampleResult, read_examples, try_example, try_fault
from tests.builders import rule

FAULTY = Filter(("Faults",), Operator.GREATER_THAN, 0.0)
SUM = rule(filters=[FAULTY], value_of=["Faults"])
RECORDS = [
    {"InstanceId": "a", "Faults": 1},
    {"InstanceId": "b", "Faults": 5},
    "{broken",
    {"InstanceId": "c", "Faults": 0},
]


def outcome(written: ContributorRule, records: list[Any], **expect: Any) -> ExampleResult:
    text = json.dumps({"Tests": [{"Name": "it", "Records": records, "Expect": expect}]})
    [example] = read_examples(text).tests
    return try_example(example, written, FieldMapping(), DecodeLimits())


def contributors(*pairs: tuple[str, float]) -> list[dict[str, Any]]:
    return [{"Keys": [key], "Value": value} for key, value in pairs]


def test_an_example_that_gives_what_it_must_has_no_differences() -> None:
    found = outcome(
        SUM, RECORDS, Contributors=contributors(("b", 5), ("a", 1)), Sum=6, Refused=["bad_json"]
    )
    assert ExampleResult("it", ()) == found


def test_every_difference_is_reported() -> None:
    found = outcome(SUM, RECORDS, Contributors=contributors(("a", 1), ("b", 5)), Sum=7)
    assert (
        "refused: found bad_json, expected none",
        "contributors: found [b] 5; [a] 1, expected [a] 1; [b] 5",
        "sum: found 6, expected 7",
    ) == found.differences
    [fewer] = outcome(SUM, RECORDS[:1], Contributors=[]).differences
    assert "contributors: found [a] 1, expected none" == fewer


def test_ratios_and_those_below_their_minimum() -> None:
    written = rule(measure=Ratio((FAULTY,), None, 2.0))
    records = [{"InstanceId": "a", "Faults": n % 2} for n in range(4)]
    records.append({"InstanceId": "b", "Faults": 1})
    assert (
        ()
        == outcome(
            written, records, Contributors=contributors(("a", 0.5)), BelowMinimum=1
        ).differences
    )
    assert ("below the minimum: found 1, expected 0",) == outcome(
        written, records, Contributors=contributors(("a", 0.5))
    ).differences


def test_percentiles_are_compared_within_their_error() -> None:
    written = rule(measure=Percentiles(("Latency",), (50.0,), 1.0, 9))
    records = [{"InstanceId": "a", "Latency": 100.0}]
    assert (
        () == outcome(written, records, Contributors=contributors(("a", 100)), Sum=100).differences
    )
    assert outcome(written, records, Contributors=contributors(("a", 103))).differences


def test_lines_of_text_are_records_too() -> None:
    written = rule(keys=[("ip",)], lines={"ip": 1}, groups=["logs"])
    assert () == outcome(
        written, ["a 1", 'b "x y"', '"'], Contributors=contributors(("a", 1), ("b", 1)),
        Refused=["bad_line"],
    ).differences  # fmt: skip


def test_times_do_not_matter() -> None:
    records = [
        {"_aws": {"Timestamp": stamp, "CloudWatchMetrics": []}, "InstanceId": "a", "Faults": 1}
        for stamp in (1_000_000_000_000, 2_000_000_000_000)
    ]
    assert () == outcome(SUM, records, Contributors=contributors(("a", 2))).differences


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "found input data was truncated"),
        ("{}", "Tests: found nothing, expected at least one example, or Faults"),
        ('{"Test": []}', "found object contains unknown field `Test`"),
        ('{"Tests": [{"Name": "a", "Records": []}]}',
         "found object missing required field `Expect` - at `$.Tests[0]`"),
        ('{"Tests": [{"Name": "a", "Records": [], "Expect": {"Contributors": [{"Keys": "a"}]}}]}',
         "found expected `array`, got `str`"),
        ("[" * 100_000, "found "),
    ],
)  # fmt: skip
def test_a_file_that_holds_no_examples_is_a_fault(text: str, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        read_examples(text)
    assert str(caught.value).startswith(message)


def test_the_faults_of_a_rule_may_be_what_is_expected() -> None:
    examples = read_examples('{"Faults": ["9: Keys: found 0 keys, expected one"]}')
    assert not try_fault(examples, ["9: Keys: found 0 keys, expected one"]).differences
    assert (
        "faults: found none, expected 9: Keys: found 0 keys, expected one",
    ) == try_fault(examples, []).differences  # fmt: skip
