"""The rule and the examples that the runbook shows are read, and its bounds are the code's."""

import re
from pathlib import Path

from detector.logs.clf import MAX_CHARACTERS, MAX_FIELDS
from detector.rules.extensions import (
    MOST_FILTERS,
    MOST_GROUPS,
    MOST_IN_GROUP,
    MOST_KEYS,
    MOST_PERCENTILES,
    MOST_SKETCHED,
    SKETCHED,
)
from detector.rules.parser import LENIENT, STRICT, read_rule
from detector.rules.patterns import PATTERN_CHARACTERS
from detector.rules.rules import Ratio
from detector.tables.rule_examples import read_examples

PAGE = (Path(__file__).resolve().parents[2] / "deploy" / "README.md").read_text()
SECTION = PAGE.split("\n## Contributor rules\n")[1].split("\n## ")[0]
RULE, EXAMPLES = re.findall(r"^```json\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)


def test_the_extended_rule_that_is_shown_is_one() -> None:
    read = read_rule(RULE, name="shown")
    assert isinstance(read.rule.measure, Ratio)
    assert (50.0, 2, 2) == (read.rule.measure.minimum, len(read.rule.any_of), len(read.warnings))


def test_the_examples_that_are_shown_are_some() -> None:
    [example] = read_examples(EXAMPLES).tests
    assert (2, 3.0) == (len(example.records), example.expect.sum)


def test_the_bounds_that_are_told_are_those_of_the_code() -> None:
    for told in (
        (
            f"({STRICT.keys} keys, {STRICT.filters} filters, {STRICT.strings} strings, "
            f"{STRICT.characters:,} characters"
        ),
        (
            f"{LENIENT.keys} keys, {LENIENT.filters} filters, {LENIENT.strings} strings and "
            f"{LENIENT.characters:,} characters"
        ),
        f"At most {MAX_CHARACTERS:,} characters and {MAX_FIELDS} fields a line",
        f"| {MOST_KEYS} in all |",
        f"| {MOST_FILTERS} in all; patterns of {PATTERN_CHARACTERS} characters |",
        f"| {MOST_GROUPS} groups of {MOST_IN_GROUP} |",
        (
            f"{MOST_PERCENTILES} percentiles; `MostContributors` ({SKETCHED:,}, at most "
            f"{MOST_SKETCHED:,})"
        ),
    ):
        assert told in SECTION, told
