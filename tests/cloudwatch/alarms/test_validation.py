"""Everything that is wrong with a request is said at once, member by member."""

from typing import Any

import pytest

from detector.cloudwatch.alarms.validation import (
    AlarmRefusedError,
    ValidationErrors,
    refuse,
    shown,
)


def said(members: dict[str, Any], read: str, *arguments: Any, **options: Any) -> tuple[str, ...]:
    errors = ValidationErrors(members)
    getattr(errors, read)(*arguments, **options)
    return errors.messages


TEXT = {"low": 1, "high": 3}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("abc", ()),
        (None, ("A is missing, expected a text",)),
        (7, ("A is 7, expected a text",)),
        ("abcd", ("A has 4 characters, expected 1 to 3",)),
        ("", ("A has 0 characters, expected 1 to 3",)),
        ("a\x1b", ("A 'a\\x1b' has control characters, expected none",)),
    ],
)
def test_a_text_has_a_length_and_no_control_characters(
    value: object, expected: tuple[str, ...]
) -> None:
    assert expected == said({"A": value}, "text", "A", required=True, **TEXT)


def test_a_text_may_be_left_out() -> None:
    assert said({}, "text", "A", **TEXT) == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x", ()),
        (None, ("A is missing, expected one of x, y",)),
        ("z", ("A is 'z', expected one of x, y",)),
    ],
)
def test_a_choice_is_one_of_a_list(value: object, expected: tuple[str, ...]) -> None:
    assert expected == said({"A": value}, "choice", "A", ("x", "y"))


def test_a_choice_that_is_left_out_is_the_default() -> None:
    assert ValidationErrors({}).choice("A", ("x", "y"), default="y") == "y"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2, ()),
        (None, ("A is missing, expected a whole number from 1 to 3",)),
        (4, ("A is 4, expected a whole number from 1 to 3",)),
        (True, ("A is True, expected a whole number from 1 to 3",)),
        (2.5, ("A is 2.5, expected a whole number from 1 to 3",)),
    ],
)
def test_a_whole_number_has_bounds(value: object, expected: tuple[str, ...]) -> None:
    assert expected == said({"A": value}, "whole", "A", low=1, high=3)


def test_a_whole_number_that_is_left_out_is_the_default() -> None:
    assert ValidationErrors({}).whole("A", low=1, high=3, default=2) == 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, ()), (None, ()), ("yes", ("A is 'yes', expected true or false",))],
)
def test_a_flag_is_true_or_false(value: object, expected: tuple[str, ...]) -> None:
    assert expected == said({"A": value}, "flag", "A", default=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1, 2], ()),
        (None, ()),
        ("ab", ("A is 'ab', expected a list",)),
        ([1, 2, 3], ("A has 3 items, expected at most 2",)),
    ],
)
def test_a_list_has_a_length(value: object, expected: tuple[str, ...]) -> None:
    assert expected == said({"A": value}, "items", "A", high=2)


@pytest.mark.parametrize(
    ("value", "expected"), [({}, ()), (None, ()), (3, ("A is 3, expected a structure",))]
)
def test_a_structure_has_members(value: object, expected: tuple[str, ...]) -> None:
    assert expected == said({"A": value}, "structure", "A")


def test_members_that_do_not_belong_are_named() -> None:
    members = {"A": 1, "B": None, "C": 2}
    found = said(members, "refuse_members", ["A", "B", "C"], "beside D")
    assert found == ("found A, C, expected none of them beside D",)


def test_everything_is_said_at_once() -> None:
    errors = ValidationErrors({})
    errors.raise_if_invalid()
    errors.add("one")
    errors.add("two")
    with pytest.raises(AlarmRefusedError) as raised:
        errors.raise_if_invalid()
    assert ("ValidationError", "one; two") == (raised.value.code, str(raised.value))


def test_a_refusal_has_cloudwatchs_code() -> None:
    with pytest.raises(AlarmRefusedError, match="no room") as raised:
        refuse("no room", "LimitExceeded")
    assert raised.value.code == "LimitExceeded"


def test_what_was_found_is_shown_short_and_harmless() -> None:
    assert len(shown("x" * 1000)) == 100
    assert "\x1b" not in shown("\x1b[31m")
