"""Contributor rules are read whole, or refused with every fault on its line."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.errors import Fault, RuleError
from detector.rules.parser import LENIENT, STRICT, RuleLimits, parse_rule, read_rule
from detector.rules.rules import Aggregate, ContributorRule, Filter, Operator

RULE: dict[str, Any] = {
    "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
    "LogGroupNames": ["/shop/*", "api"],
    "LogFormat": "JSON",
    "Contribution": {
        "Keys": ["$.InstanceId", "$.users[1].name"],
        "ValueOf": "$.Faults",
        "Filters": [
            {"Match": "$.Faults", "GreaterThan": 0},
            {"Match": "$.Operation", "In": ["Get", "Put"]},
        ],
    },
    "AggregateOn": "Sum",
}


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    rule = copy.deepcopy(RULE)
    change(rule)
    return rule


def read(rule: object, **options: Any) -> ContributorRule:
    return parse_rule(json.dumps(rule, indent=2), name="r", **options)


def faults(rule: object, **options: Any) -> list[str]:
    with pytest.raises(RuleError) as caught:
        read(rule, **options)
    return [str(fault) for fault in caught.value.faults]


def test_a_rule_says_what_it_counts() -> None:
    parsed = read(RULE)
    assert parsed == ContributorRule(
        name="r",
        version=parsed.version,
        log_group_names=("/shop/*", "api"),
        keys=(("InstanceId",), ("users", 1, "name")),
        filters=(
            Filter(("Faults",), Operator.GREATER_THAN, 0.0),
            Filter(("Operation",), Operator.IN, ("Get", "Put")),
        ),
        aggregate_on=Aggregate.SUM,
        value_of=("Faults",),
    )


@pytest.mark.parametrize(
    ("condition", "operand"),
    [
        ({"In": ["a"]}, ("a",)),
        ({"NotIn": ["a"] * 10}, ("a",) * 10),
        ({"StartsWith": [""]}, ("",)),
        ({"GreaterThan": 5}, 5.0),
        ({"LessThan": -0.5}, -0.5),
        ({"EqualTo": 0}, 0.0),
        ({"NotEqualTo": 1e300}, 1e300),
        ({"IsPresent": True}, True),
        ({"IsPresent": False}, False),
    ],
)
def test_every_operator_is_read_with_its_operand(condition: dict[str, Any], operand: Any) -> None:
    (name,) = condition
    rule = changed(lambda r: r["Contribution"].update(Filters=[{"Match": "$.f", **condition}]))
    assert (Filter(("f",), Operator(name), operand),) == read(rule).filters


def test_filters_may_be_left_out_and_count_needs_no_value() -> None:
    rule = changed(lambda r: r.update(AggregateOn="Count", Contribution={"Keys": ["$.a"]}))
    parsed = read(rule)
    assert ((), None, Aggregate.COUNT) == (parsed.filters, parsed.value_of, parsed.aggregate_on)


def test_as_much_as_is_permitted_is_read() -> None:
    wanted = {"Match": "$.f", "In": ["x"] * 10}
    rule = changed(
        lambda r: r["Contribution"].update(Keys=["$.a", "$.b", "$.c", "$.d"], Filters=[wanted] * 4)
    )
    text = json.dumps(rule)
    text += " " * (8_192 - len(text))
    assert (4, 4) == (len((parsed := parse_rule(text, name="r" * 128)).keys), len(parsed.filters))


def contribution(**members: Any) -> Callable[[dict[str, Any]], None]:
    return lambda rule: rule["Contribution"].update(members)


def condition(**members: Any) -> Callable[[dict[str, Any]], None]:
    return contribution(Filters=[members])


BAD = Path(__file__).parent / "files" / "bad"


@pytest.mark.parametrize("path", sorted(BAD.glob("*.json")), ids=lambda path: path.stem)
def test_each_fault_is_reported_with_line_member_and_remedy(path: Path) -> None:
    with pytest.raises(RuleError) as caught:
        parse_rule(path.read_text(errors="replace"), name="r")
    expected = path.with_suffix(".expected").read_text().splitlines()
    assert expected == [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("", '"" (0 characters)'),
        ("r" * 129, f'"{"r" * 56}... (129 characters)'),
        ("höst", '"h\\u00f6st" (4 characters)'),
        ("a\n", '"a\\n" (2 characters)'),
    ],
)
def test_a_name_is_short_and_printable(name: str, found: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse_rule(json.dumps(RULE), name=name)
    expected = "1 to 128 printable ASCII characters"
    assert f"rule name: found {found}, expected {expected}" == str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        contribution(Filters=[{"Match": "$.a", "IsPresent": True}] * 16),
        contribution(Keys=[f"$.k{number}" for number in range(8)]),
        condition(Match="$.a", In=["x"] * 100),
        contribution(Filters=[{"Match": "$." + "a" * 8_000, "IsPresent": True}]),
    ],
)
def test_lenient_lifts_limits_that_are_mere_numbers(
    change: Callable[[dict[str, Any]], object],
) -> None:
    assert read(changed(change), limits=LENIENT).aggregate_on is Aggregate.SUM
    assert faults(changed(change))


@pytest.mark.parametrize(
    "change",
    [
        contribution(Keys=["$.a"] * 9),
        lambda r: r["Contribution"].pop("ValueOf"),
        contribution(Filters=[{"Match": "$.a", "IsPresent": True}] * 17),
    ],
)
def test_lenient_lifts_nothing_else(change: Callable[[dict[str, Any]], object]) -> None:
    assert faults(changed(change), limits=LENIENT)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r["LogGroupNames"].reverse(),
        lambda r: r["Contribution"]["Filters"].reverse(),
        lambda r: r["Contribution"]["Filters"][1]["In"].reverse(),
        lambda r: r["Contribution"]["Filters"][1]["In"].append("Get"),
        lambda r: r["Contribution"]["Filters"][0].update(GreaterThan=0.0),
    ],
)
def test_the_version_stays_when_only_the_wording_changes(
    change: Callable[[dict[str, Any]], object],
) -> None:
    assert read(RULE).version == read(changed(change)).version


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r["LogGroupNames"].pop(),
        lambda r: r["Contribution"]["Keys"].reverse(),
        lambda r: r["Contribution"]["Filters"].pop(),
        lambda r: r["Contribution"]["Filters"][0].update(GreaterThan=1),
        contribution(ValueOf="$.Other"),
        lambda r: (r["Contribution"].pop("ValueOf"), r.update(AggregateOn="Count")),
    ],
)
def test_the_version_changes_with_the_meaning(change: Callable[[dict[str, Any]], object]) -> None:
    versions = {read(RULE).version, read(changed(change)).version}
    assert (2, {12}) == (len(versions), {len(version) for version in versions})


SHIPPED = Path(__file__).parent.parent.parent / "deploy" / "rules"


RULES = [path for path in sorted(SHIPPED.glob("*.json")) if not path.stem.endswith("_test")]


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_the_shipped_rules_are_within_cloudwatch_s_limits(path: Path) -> None:
    assert parse_rule(path.read_text(), name=path.stem).name == path.stem


def warnings(text: str) -> list[str]:
    return [str(each) for each in read_rule(text, name="r", limits=LENIENT).warnings]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            contribution(Filters=[{"Match": "$.a", "IsPresent": True}] * 5),
            ["17: Contribution.Filters: found 5 filters, expected a list of at most 4 filters"],
        ),
        (
            contribution(Keys=["$.a", "$.b", "$.c", "$.d", "$.e"]),
            ["12: Contribution.Keys: found 5 keys, expected a list of 1 to 4 fields"],
        ),
        (
            condition(Match="$.a", In=["x"] * 11),
            [
                (
                    "20: Contribution.Filters[0].In: found 11 strings, expected a list of 1 to 10 "
                    "strings"
                )
            ],
        ),
        (
            lambda r: r.update(Extensions={"Keys": ["$.x"], "Filters": []}),
            [
                "33: Extensions.Keys: found an extension of ours, expected no member Extensions",
                "36: Extensions.Filters: found an extension of ours, expected no member Extensions",
            ],
        ),
        (lambda r: r, []),
    ],
)
def test_a_warning_says_per_member_what_cloudwatch_would_refuse(
    change: Callable[[dict[str, Any]], object], expected: list[str]
) -> None:
    assert expected == warnings(json.dumps(changed(change), indent=2))


def test_extensions_are_read_with_a_warning_in_strict_mode_too() -> None:
    rule = changed(lambda r: r.update(Extensions={"Keys": ["$.x"]}))
    parsed = read_rule(json.dumps(rule), name="r")
    assert (3, 1) == (len(parsed.rule.keys), len(parsed.warnings))


def test_lenient_reads_commas_behind_last_items_and_tells_their_lines() -> None:
    text = json.dumps(RULE, indent=2).replace('"Put"\n', '"Put",\n').replace('"Sum"\n', '"Sum", \n')
    found = "definition: found a comma behind the last item, expected none there"
    assert [f"26: {found}", f"31: {found}"] == warnings(text)
    with pytest.raises(RuleError):
        parse_rule(text, name="r")


def test_commas_in_texts_and_longer_definitions_stay_as_they_are() -> None:
    rule = changed(condition(Match="$.a", In=[",]", ", }"]))
    text = json.dumps(rule, indent=2)
    parsed = read_rule(text + " " * 10_000, name="r", limits=LENIENT)
    assert parsed.rule == read(rule)
    assert [f"1: definition: found {len(text) + 10_000} characters, expected at most 8192"] == [
        str(each) for each in parsed.warnings
    ]


def test_the_version_of_a_plain_rule_is_what_it_was_before_there_were_extensions() -> None:
    """A version that moved would split the windows of every rule at the upgrade."""
    assert "13bf33c24d5c" == read(RULE).version


edits = st.lists(
    st.tuples(
        st.integers(0, 1_000), st.integers(0, 40), st.text('{}[]",:$.*10 \nInCount', max_size=4)
    ),
    max_size=3,
)


EXTENDED = RULE | {
    "LogFormat": "CLF",
    "Fields": {"1": "ip", "2": "status"},
    "Contribution": {"Keys": ["ip"], "Filters": [{"Match": "status", "EqualTo": 5}]},
    "AggregateOn": "Count",
    "Extensions": {
        "Keys": ["7"],
        "AnyOf": [[{"Match": "ip", "Matches": "^a"}], [{"Match": "status", "Between": [1, 2]}]],
        "Ratio": {"Numerator": {"ValueOf": "status"}, "MinimumDenominator": 2},
        "Percentiles": {"Of": "status", "At": [50]},
    },
}


@given(edits, st.sampled_from((RULE, EXTENDED)), st.sampled_from((STRICT, LENIENT)))
def test_no_text_raises_anything_but_a_rule_error(
    edits: list[tuple[int, int, str]], rule: dict[str, Any], limits: RuleLimits
) -> None:
    text = json.dumps(rule, indent=2)
    for begin, length, patch in edits:
        text = text[:begin] + patch + text[begin + length :]
    found: tuple[Fault, ...] = ()
    try:
        assert parse_rule(text, name="r", limits=limits).keys
    except RuleError as error:
        found = error.faults
        if not found:
            raise
    assert all(0 <= fault.line <= text.count("\n") + 1 for fault in found)
