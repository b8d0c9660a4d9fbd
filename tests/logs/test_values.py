"""The shapes of metric values, and how many observations are slow."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.logs.values import Observations, ValueFault, observe, read_number, slow_count

amounts = st.floats(0, 1e9) | st.integers(0, 10**9)
STATISTICS = {"Max": 9, "Min": 1, "Count": 4, "Sum": 14}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, Observations(1, 3, 3, 3, ((3, 1),))),
        (0, Observations(1, 0, 0, 0, ((0, 1),))),
        (2.5, Observations(1, 2.5, 2.5, 2.5, ((2.5, 1),))),
        ([1, 0, 1], Observations(3, 2, 0, 1, ((1, 1), (0, 1), (1, 1)))),
        ([1.0], Observations(1, 1, 1, 1, ((1, 1),))),
        ([], Observations(0, 0, 0, 0, ())),
        (STATISTICS, Observations(4, 14, 1, 9, None)),
        ({"Max": 9, "Min": 1, "Count": 0, "Sum": 0}, Observations(0, 0, 0, 0, None)),
        (
            {"Values": [5, 20], "Counts": [3, 2], "Max": 21, "Min": 4, "Count": 5, "Sum": 56},
            Observations(5, 56, 5, 20, ((5, 3), (20, 2))),
        ),
        ({"Values": [5, 20], "Counts": [3, 2]}, Observations(5, 55, 5, 20, ((5, 3), (20, 2)))),
        ({"Values": [5, 20]}, Observations(2, 25, 5, 20, ((5, 1), (20, 1)))),
        ({"Values": [5, 20], "Counts": [0, 2]}, Observations(2, 40, 20, 20, ((20, 2),))),
        ({"Values": [], "Counts": []}, Observations(0, 0, 0, 0, ())),
    ],
)
def test_every_shape_says_how_many_observations_and_their_total(
    value: object, expected: Observations
) -> None:
    assert expected == observe(value)


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (True, ValueFault.TRUTH_VALUE),
        ([1, False], ValueFault.TRUTH_VALUE),
        ({**STATISTICS, "Count": True}, ValueFault.TRUTH_VALUE),
        ("3", ValueFault.TEXT),
        (["3"], ValueFault.TEXT),
        (-1, ValueFault.NEGATIVE),
        ([1, -0.5], ValueFault.NEGATIVE),
        ({**STATISTICS, "Min": -1}, ValueFault.NEGATIVE),
        ({"Values": [1], "Counts": [-1]}, ValueFault.NEGATIVE),
        ({"Values": [-1], "Counts": [1]}, ValueFault.NEGATIVE),
        ({"Values": [1], "Counts": [1], "Sum": -1}, ValueFault.NEGATIVE),
        (math.nan, ValueFault.NOT_FINITE),
        (math.inf, ValueFault.NOT_FINITE),
        (10**400, ValueFault.NOT_FINITE),
        ([1e308, 1e308], ValueFault.NOT_FINITE),
        ({"Values": [0, 0], "Counts": [1e308, 1e308]}, ValueFault.NOT_FINITE),
        (None, ValueFault.UNKNOWN_SHAPE),
        ({}, ValueFault.UNKNOWN_SHAPE),
        ([[1]], ValueFault.UNKNOWN_SHAPE),
        ([None], ValueFault.UNKNOWN_SHAPE),
        ({"Max": 9, "Count": 4, "Sum": 14}, ValueFault.UNKNOWN_SHAPE),
        ({**STATISTICS, "Min": None}, ValueFault.UNKNOWN_SHAPE),
        ({"Values": "x", "Counts": [1]}, ValueFault.UNKNOWN_SHAPE),
        ({"Values": [1], "Counts": 1}, ValueFault.UNKNOWN_SHAPE),
        ({"Values": [1], "Counts": None}, ValueFault.UNKNOWN_SHAPE),
        ({"Values": [1, 2], "Counts": [1]}, ValueFault.INCONSISTENT),
        ({**STATISTICS, "Min": 10}, ValueFault.INCONSISTENT),
        ({**STATISTICS, "Count": 0}, ValueFault.INCONSISTENT),
    ],
)
def test_what_is_no_number_of_observations_says_why(value: object, fault: ValueFault) -> None:
    assert fault is observe(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", 3.0),
        ("-0.5e1", ValueFault.NEGATIVE),
        ("1e999", ValueFault.NOT_FINITE),
        ("NaN", ValueFault.NOT_A_NUMBER),
        ("inf", ValueFault.NOT_A_NUMBER),
        ("1_000", ValueFault.NOT_A_NUMBER),
        ("٣", ValueFault.NOT_A_NUMBER),
        (" 3", ValueFault.NOT_A_NUMBER),
        ("", ValueFault.NOT_A_NUMBER),
        ("12ms", ValueFault.NOT_A_NUMBER),
    ],
)
def test_numbers_written_as_text_are_read_where_allowed(
    text: str, expected: float | ValueFault
) -> None:
    assert expected == read_number(text, numeric_strings=True)
    assert ValueFault.TEXT is read_number(text)


def test_text_is_allowed_in_every_shape() -> None:
    wanted = Observations(4, 14, 1, 9, None)
    assert wanted == observe({k: str(v) for k, v in STATISTICS.items()}, numeric_strings=True)
    assert Observations(2, 3, 1, 2, ((1, 1), (2, 1))) == observe(["1", "2"], numeric_strings=True)


def test_values_below_zero_are_read_where_asked_for_but_never_counts() -> None:
    assert Observations(1, -3, -3, -3, ((-3, 1),)) == observe(-3, negative=True)
    assert ValueFault.NEGATIVE is observe({**STATISTICS, "Count": -4}, negative=True)
    assert ValueFault.NEGATIVE is observe({"Values": [1], "Counts": [-1]}, negative=True)


@pytest.mark.parametrize(
    ("value", "slow"),
    [
        (1000, 0),
        (1000.5, 1),
        ([999, 1001, 2000], 2),
        ([], 0),
        ({"Values": [500, 1500], "Counts": [7, 3]}, 3),
        ({"Max": 2000, "Min": 1001, "Count": 5, "Sum": 7000}, 5),
        ({"Max": 1000, "Min": 1, "Count": 5, "Sum": 3000}, 0),
        ({"Max": 2000, "Min": 1, "Count": 5, "Sum": 5000}, 1),
        ({"Max": 2000, "Min": 1000, "Count": 5, "Sum": 6000}, 1),
        ({"Max": 2000, "Min": 1, "Count": 0.5, "Sum": 500}, 0.5),
        ({"Max": 0, "Min": 0, "Count": 0, "Sum": 0}, 0),
    ],
)
def test_slow_are_the_observations_that_are_certainly_above_the_threshold(
    value: object, slow: float
) -> None:
    seen = observe(value)
    assert isinstance(seen, Observations)
    assert slow == slow_count(seen, 1000.0)


@given(st.lists(amounts, min_size=1, max_size=20), st.floats(0, 1e9))
def test_a_statistic_set_never_claims_more_slow_ones_than_there_are(
    values: list[float], threshold: float
) -> None:
    statistics = {"Max": max(values), "Min": min(values), "Count": len(values), "Sum": sum(values)}
    seen = observe(statistics)
    assert isinstance(seen, Observations)
    slow = sum(value > threshold for value in values)
    assert slow_count(seen, threshold) <= slow
    assert (slow == 0) is (slow_count(seen, threshold) == 0)


@given(st.lists(amounts, max_size=20))
def test_a_list_counts_every_value_once(values: list[float]) -> None:
    seen = observe(values)
    assert isinstance(seen, Observations)
    assert len(values) == seen.count
    assert pytest.approx(math.fsum(values)) == seen.total


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["Max", "Min", "Count", "Sum", "Values", "Counts"]), inner
        )
    ),
    max_leaves=12,
)


@given(json_values, st.booleans(), st.booleans())
def test_whatever_is_read_is_finite_and_not_negative(
    value: object, numeric_strings: bool, negative: bool
) -> None:
    seen = observe(value, numeric_strings=numeric_strings, negative=negative)
    if isinstance(seen, ValueFault):
        return
    numbers = (seen.count, seen.total, seen.minimum, seen.maximum)
    assert all(math.isfinite(number) for number in numbers)
    assert seen.count >= 0
    assert negative or min(numbers) >= 0
