"""Lines of plain text become fields: quotes, brackets, escapes, bounds."""

import shlex
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.logs.clf import (
    MAX_CHARACTERS,
    MAX_FIELDS,
    looks_like_text,
    time_in,
    tokenise,
)

COMBINED = (
    '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326 '
    '"http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"'
)
FLOW = "2 123456789010 eni-1 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1 2 ACCEPT OK"


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (
            COMBINED,
            [
                "127.0.0.1", "-", "frank", "10/Oct/2000:13:55:36 -0700",
                "GET /apache_pb.gif HTTP/1.0", "200", "2326",
                "http://www.example.com/start.html", "Mozilla/4.08 [en] (Win98; I ;Nav)",
            ],
        ),
        (FLOW, FLOW.split()),
        ("a  b\tc\r", ["a", "b", "c"]),
        (r'"say \"hi\" \\ \x22" b', [r'say "hi" \ \x22', "b"]),
        ('"" []', ["", ""]),
        ("[a b] [c]", ["a b", "c"]),
        ("[::1]:80 x", ["[::1]:80", "x"]),
        ('it"s [a"b]', ['it"s', 'a"b']),
        ("ünï 😀", ["ünï", "😀"]),
        ("x" * MAX_CHARACTERS, ["x" * MAX_CHARACTERS]),
        ("x " * MAX_FIELDS, ["x"] * MAX_FIELDS),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_a_line_is_split_into_its_fields(line: str, fields: list[str]) -> None:
    assert fields == tokenise(line)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('a "b c', "the quote that opens field 2 is not closed before a space"),
        ('"a"b c', "the quote that opens field 1 is not closed before a space"),
        ("a b [c d", "the bracket that opens field 3 is not closed before a space"),
        ("[a b]c", "the bracket that opens field 1 is not closed before a space"),
        ('"a\\"', "the quote that opens field 1 is not closed before a space"),
        ("", "the line has no fields"),
        (" \t", "the line has no fields"),
        ("x" * (MAX_CHARACTERS + 1), "the line has 65537 characters, at most 65536 are read"),
        ("x " * (MAX_FIELDS + 1), "the line has more than 256 fields"),
    ],
    ids=lambda value: value[:20],
)
def test_a_line_that_is_none_says_why(line: str, fault: str) -> None:
    assert fault == tokenise(line)


words = st.text("ab1/:-.=", min_size=1, max_size=5)
phrases = st.lists(words, max_size=3).map(" ".join)


@given(st.lists(words | phrases.map(lambda text: f'"{text}"'), min_size=1, max_size=8))
def test_quoted_and_bare_fields_are_those_of_a_shell(fields: list[str]) -> None:
    """Against ``shlex``, which has the same idea of quotes."""
    line = " ".join(fields)
    assert shlex.split(line) == tokenise(line)


@given(st.text(max_size=60))
def test_no_text_raises_and_every_field_comes_from_it(text: str) -> None:
    found = tokenise(text)
    if isinstance(found, list):
        assert all(field.replace("\\", "") in text.replace("\\", "") for field in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (COMBINED, True),
        ("[error] broken", True),
        ("[10/Oct/2000:13:55:36 -0700] x", True),
        ("5 6 7", True),
        ('{"a": 1', False),
        (' [{"a": 1', False),
        ('["a", ', False),
        ("[[1, 2]", False),
        ("[", False),
        ("[]", False),
        ("a\x00b", False),
        ("a\x1bb", False),
        ("a\nb\tc\r\n", True),
    ],
)
def test_broken_json_and_binary_are_no_lines(text: str, expected: bool) -> None:
    assert expected is looks_like_text(text)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (["x", "10/Oct/2000:13:55:36 -0700"], "2000-10-10T13:55:36-07:00"),
        (["29/Feb/2024:00:00:00 +0530", "1/Jan/2025:00:00:00 +0000"], "2024-02-29T00:00:00+05:30"),
        (["30/Feb/2024:00:00:00 +0000", "1/Jan/2025:00:00:00 +0000"], "2025-01-01T00:00:00+00:00"),
        (["10/Okt/2000:13:55:36 -0700"], None),
        (["01/Jan/0001:00:00:00 +1400", "31/Dec/1999:23:59:59 +0000"], None),
        (["1/Jan/2000:00:00:00 +9999", "31/Dec/2099:23:59:59 +0000"], "2099-12-31T23:59:59+00:00"),
        (["1/Jan/2100:00:00:00 +0000"], None),
        (["10/10/2000:13:55:36 -0700", "1700000000"], None),
        ([], None),
    ],
)
def test_the_first_time_that_can_be_read_is_the_line_s(
    tokens: list[str], expected: str | None
) -> None:
    ms = None if expected is None else int(datetime.fromisoformat(expected).timestamp() * 1000)
    assert ms == time_in(tokens)
