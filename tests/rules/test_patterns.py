"""Regular expressions of rules: searched in linear time, refused with a reason."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.rules.patterns import PATTERN_CHARACTERS, pattern_fault, searcher


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("az1", "use1-az1", True),
        ("^az1", "use1-az1", False),
        ("AZ1", "use1-az1", False),
        ("(?i)AZ1", "use1-az1", True),
        ("^.$", "ü", True),
        ("", "", True),
        ("a$", "a\n", False),
    ],
)
def test_a_pattern_is_searched_anywhere(pattern: str, text: str, found: bool) -> None:
    assert found is searcher(pattern)(text)


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("(", "missing ): ("),
        ("a(?=b)", "invalid perl operator: (?="),
        (r"(a)\1", r"invalid escape sequence: \1"),
        ("a" * (PATTERN_CHARACTERS + 1), "257 characters"),
        ("(((a{30}){30})|b){1}", ""),
        (r"\pL{200}", "pattern too large - compile failed"),
        ("\ud800", ("'utf-8' codec can't encode character '\\ud800' in position 0: "
         "surrogates not allowed")),
    ],
)  # fmt: skip
def test_what_cannot_be_used_says_why(pattern: str, fault: str) -> None:
    assert fault == pattern_fault(pattern)


def test_a_pattern_that_ruins_a_backtracking_engine_takes_no_time() -> None:
    passes = searcher("^(a+)+$")
    begun = time.perf_counter()
    assert not passes("a" * 100_000 + "b")
    assert time.perf_counter() - begun < 1.0


simple = st.text("ab.^$|", min_size=1, max_size=6).filter(lambda text: not pattern_fault(text))


@given(simple, st.text("ab", max_size=8))
def test_plain_patterns_find_what_another_engine_finds(pattern: str, text: str) -> None:
    assert searcher(pattern)(text) is (re.search(pattern, text) is not None)
