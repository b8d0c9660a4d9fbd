"""A rule names its table, its keys and its log groups in CloudWatch's words."""

import pytest

from detector.logs.field_paths import path_text
from detector.rules.rules import RuleSet
from tests.builders import rule


@pytest.mark.parametrize(
    ("names", "group", "reads"),
    [
        (("*",), "", True),
        (("*",), "/aws/x", True),
        (("/aws/*",), "/aws/x", True),
        (("/aws/*",), "/aws/", True),
        (("/aws/*",), "/AWS/x", False),
        (("/aws/*",), "x/aws/x", False),
        (("logs",), "logs", True),
        (("logs",), "logs2", False),
        (("a*b",), "a*b", True),
        (("a*b",), "axb", False),
        (("x", "logs"), "logs", True),
        ((), "logs", False),
    ],
)
def test_a_trailing_star_is_a_prefix_and_all_else_is_literal(
    names: tuple[str, ...], group: str, reads: bool
) -> None:
    assert reads is rule(groups=names).reads_log_group(group)


def test_subject_and_key_labels_are_as_written() -> None:
    written = rule("faults", keys=[("a",), ("users", 1, "name")])
    assert "rule:faults" == written.subject
    assert ("$.a", "$.users[1].name") == written.key_labels
    assert "$.a[0][2]" == path_text(("a", 0, 2))


def test_a_rule_set_lists_its_rules_in_its_order() -> None:
    first, second = rule("a"), rule("b")
    assert [first, second] == list(RuleSet((first, second)))
    assert [] == list(RuleSet())
