"""Finding a member by name or path, and reading it as text."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.logs.field_paths import (
    FieldPath,
    Found,
    as_key,
    as_text,
    field_names,
    first_present,
    first_usable,
    lookup,
    member,
    parse_path,
    path_text,
    shorten_key,
)

names = st.text(
    st.characters(exclude_characters=".[]", exclude_categories=["Cs"]), min_size=1, max_size=8
)
paths = st.builds(
    lambda first, rest: (first, *rest),
    names,
    st.lists(names | st.integers(0, 999_999_999), max_size=4),
)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("$.a", ("a",)),
        ("$.AZ-ID", ("AZ-ID",)),
        ("$.a.b", ("a", "b")),
        ("$.list[0]", ("list", 0)),
        ("$.users[1].name", ("users", 1, "name")),
        ("$.m[0][12]", ("m", 0, 12)),
        ("$.with space", ("with space",)),
    ],
)
def test_the_notation_of_rules_is_read(text: str, path: FieldPath) -> None:
    assert path == parse_path(text)


@pytest.mark.parametrize(
    "text",
    "|$|$.|a|a.b|.a|$a|$[0]|$.[0]|$.a.|$.a..b|$.a[|$.a[]|$.a[x]|$.a[-1]|$.a[01]|$.a[0]b|$.a]|$.a[0".split(
        "|"
    ),
)
def test_what_is_no_field_is_refused(text: str) -> None:
    assert parse_path(text) is None


@given(paths)
def test_a_path_survives_being_written(path: FieldPath) -> None:
    assert path == parse_path(path_text(path))


DOCUMENT: dict[str, Any] = {
    "a": {"b": {"c": 1}, "n": None},
    "a.b": "literal",
    "list": [10, {"name": "x"}],
    "none": None,
    "text": "t",
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("a", "b", "c"), 1),
        (("list", 0), 10),
        (("list", 1, "name"), "x"),
        (("list", 2), None),
        (("list", "name"), None),
        (("a", 0), None),
        (("text", 0), None),
        (("text", "x"), None),
        (("none", "x"), None),
        (("missing",), None),
        (("a", "n"), None),
    ],
)
def test_a_path_finds_its_value_or_nothing(path: FieldPath, value: object) -> None:
    assert value == lookup(DOCUMENT, path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a.b", "literal"),
        ("$.a.b", {"c": 1}),
        ("$.a", {"b": {"c": 1}, "n": None}),
        ("a.b.c", 1),
        ("list[1].name", "x"),
        ("text", "t"),
        ("a..b", None),
        ("$a", None),
        ("$.", None),
    ],
)
def test_a_mapped_name_is_literal_first_and_then_a_path(name: str, value: object) -> None:
    (prepared,) = field_names([name])
    assert value == member(DOCUMENT, prepared)


def test_a_literal_member_that_is_null_gives_way_to_the_path() -> None:
    (prepared,) = field_names(["a.b"])
    assert member({"a.b": None, "a": {"b": 3}}, prepared) == 3


def test_the_first_member_that_is_not_null_is_present() -> None:
    assert Found("text", "t") == first_present(DOCUMENT, field_names(["none", "no", "text", "a"]))
    assert first_present(DOCUMENT, field_names(["none", "no"])) is None


def test_the_first_usable_member_is_read_past_unusable_ones() -> None:
    wanted = field_names(["none", "a", "list", "text", "a.b"])
    assert first_usable(DOCUMENT, wanted, as_text) == ("text", "t")
    assert first_usable(DOCUMENT, field_names(["a", "list"]), as_text) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("i-1", "i-1"),
        (42, "42"),
        (0, "0"),
        ("", None),
        (1.5, None),
        (True, None),
        ([], None),
        ({}, None),
    ],
)
def test_names_are_text_or_integers(value: object, text: str | None) -> None:
    assert text == as_text(value)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("", ""),
        ("a", "a"),
        (42, "42"),
        (42.0, "42.0"),
        (-0.5, "-0.5"),
        (True, "true"),
        (False, "false"),
        (None, None),
        ([], None),
        ({}, None),
    ],
)
def test_contributor_keys_are_printed_as_json_prints_them(value: object, key: str | None) -> None:
    assert key == as_key(value)


def test_a_key_within_the_limit_stays() -> None:
    assert "x" * 256 == shorten_key("x" * 256, 256)


def test_a_long_key_is_cut_and_marked_with_a_hash() -> None:
    # printf 'x%.0s' $(seq 257) | sha256sum | cut -c1-16
    assert "x" * 239 + "~" + "15eb95a462ee20bd" == shorten_key("x" * 257, 256)


@given(st.text(min_size=257), st.text(min_size=257))
def test_long_keys_stay_apart_and_within_the_limit(one: str, other: str) -> None:
    shortened = {shorten_key(text, 256) for text in (one, other)}
    assert len({one, other}) == len(shortened)
    assert {256} == {len(text) for text in shortened}
