"""The rule and the examples that the rules page shows are valid, its bounds are the code's."""

import re
from pathlib import Path

from detector.logs.clf import MAX_CHARACTERS, MAX_FIELDS
from detector.rules.limits import (
    DEFAULT_SKETCHED,
    MAX_FILTERS,
    MAX_GROUPS,
    MAX_IN_GROUP,
    MAX_KEYS,
    MAX_PERCENTILES,
    MAX_SKETCHED,
)
from detector.rules.parser import LENIENT, STRICT, read_rule
from detector.rules.patterns import PATTERN_CHARACTERS
from detector.rules.rules import Ratio
from detector.tables.rule_examples import read_examples

PAGE = (Path(__file__).resolve().parents[2] / "deploy" / "docs" / "rules.md").read_text()
RULE, EXAMPLES = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_extended_rule_that_is_shown_is_one() -> None:
    read = read_rule(RULE, name="shown")
    assert isinstance(read.rule.measure, Ratio)
    assert (50.0, 2, 2) == (read.rule.measure.minimum, len(read.rule.any_of), len(read.warnings))


def test_the_examples_that_are_shown_are_some() -> None:
    [example] = read_examples(EXAMPLES).tests
    assert (2, 3.0) == (len(example.records), example.expect.sum)


def test_the_bounds_on_the_page_are_those_of_the_code() -> None:
    for stated in (
        (
            f"({STRICT.keys} keys, {STRICT.filters} filters, {STRICT.strings} strings, "
            f"{STRICT.characters:,} characters"
        ),
        (
            f"{LENIENT.keys} keys, {LENIENT.filters} filters, {LENIENT.strings} strings and "
            f"{LENIENT.characters:,} characters"
        ),
        f"At most {MAX_CHARACTERS:,} characters and {MAX_FIELDS} fields a line",
        f"| {MAX_KEYS} in all |",
        f"| {MAX_FILTERS} in all; patterns of {PATTERN_CHARACTERS} characters |",
        f"| {MAX_GROUPS} groups of {MAX_IN_GROUP} |",
        (
            f"{MAX_PERCENTILES} percentiles; `MostContributors` ({DEFAULT_SKETCHED:,}, at most "
            f"{MAX_SKETCHED:,})"
        ),
    ):
        assert stated in PAGE, stated
