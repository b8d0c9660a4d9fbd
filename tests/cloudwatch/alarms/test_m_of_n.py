"""M of N and missing data: the documented tables, and ten thousand series computed a second way."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.cloudwatch.alarms.m_of_n import (
    ComparisonOperator,
    MissingData,
    StateValue,
    evaluate_m_of_n,
)
from detector.detection.persistence import Persistence

POINTS = {"0": False, "X": True, "-": None}
MODES = (
    MissingData.MISSING,
    MissingData.IGNORE,
    MissingData.BREACHING,
    MissingData.NOT_BREACHING,
)

# M/N | the range, newest right | what missing, ignore, breaching and notBreaching make of it.
DOCUMENTED = """
3/3 | 0 - X - X | OK     OK   OK    OK
3/3 | 0 - - - - | OK     OK   OK    OK
3/3 | - - - - - | INSUFF keep ALARM OK
3/3 | 0 X X - X | ALARM  ALARM ALARM ALARM
3/3 | - - X - - | ALARM  keep ALARM OK
2/3 | 0 - X - X | ALARM  ALARM ALARM ALARM
2/3 | 0 0 X 0 X | ALARM  ALARM ALARM ALARM
2/3 | 0 - X - - | OK     OK   ALARM OK
2/3 | - - - - 0 | OK     OK   ALARM OK
2/3 | - - - X - | ALARM  keep ALARM OK
"""
# The guard against premature alarms, in words in the documentation.
GUARD = """
3/3 | - - - - X | OK     keep ALARM OK
3/3 | - - - X - | OK     keep ALARM OK
3/3 | - - X X - | ALARM  keep ALARM OK
3/3 | 0 - X - - | OK     OK   OK    OK
"""
WORDS = {"INSUFF": StateValue.INSUFFICIENT_DATA, "keep": None}


def rows(table: str) -> list[tuple[str, str, list[str]]]:
    cells = [line.split("|") for line in table.strip().splitlines()]
    return [(m_of_n.strip(), data.strip(), said.split()) for m_of_n, data, said in cells]


def wanted(word: str) -> StateValue | None:
    return WORDS[word] if word in WORDS else StateValue(word)


@pytest.mark.parametrize(("m_of_n", "data", "said"), rows(DOCUMENTED) + rows(GUARD))
def test_the_documented_tables_hold(m_of_n: str, data: str, said: list[str]) -> None:
    required, seen = map(int, m_of_n.split("/"))
    breaches = [POINTS[each] for each in data.split()]
    found = [evaluate_m_of_n(breaches, Persistence(required, seen), mode) for mode in MODES]
    assert [wanted(word) for word in said] == found


def expected_course(text: str, required: int, seen: int, mode: str) -> str:
    """The documented rules, written over text and by filling in, not by counting what is there."""
    there = text.replace("-", "")
    if len(there) >= seen:
        return "ALARM" if there[-seen:].count("X") >= required else "OK"
    short = seen - len(there)
    if mode in {"breaching", "notBreaching"}:
        filled = there + ("X" if mode == "breaching" else "0") * short
        return "ALARM" if filled.count("X") >= required else "OK"
    if there == "":
        return {"missing": "INSUFFICIENT_DATA", "ignore": "keep"}[mode]
    best, worst = there + "0" * short, there + "X" * short
    if best.count("X") >= required:
        return "ALARM"
    if "0" in there or (mode == "missing" and worst.count("X") < required):
        return "OK"
    if mode == "ignore":
        return "keep"
    # Everything there breaches, too little of it: is the oldest among the newest M - 1 periods?
    young = text[len(text) - required + 1 :] if required > 1 else ""
    return "OK" if young.count("X") == len(there) else "ALARM"


def test_ten_thousand_random_series_agree_with_a_second_model(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(10_000):
        seen = chance.randint(1, 8)
        required = chance.randint(1, seen)
        weights = [chance.random() for _ in range(3)]
        text = "".join(chance.choices("0X-", weights, k=seen + chance.randint(0, 4)))
        for mode in MissingData:
            state = evaluate_m_of_n(
                [POINTS[each] for each in text], Persistence(required, seen), mode
            )
            expected = expected_course(text, required, seen, mode.value)
            assert expected == (state.value if state else "keep"), (text, required, seen, mode)


ranges = st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=12)


@given(ranges, st.integers(1, 8), st.integers(0, 7), st.sampled_from(MODES))
def test_nothing_breaching_raises_no_alarm_unless_missing_data_breaches(
    breaches: list[bool | None], required: int, more: int, mode: MissingData
) -> None:
    calm = [False if each else each for each in breaches]
    state = evaluate_m_of_n(calm, Persistence(required, required + more), mode)
    assert state is not StateValue.ALARM or mode is MissingData.BREACHING


@given(ranges, st.integers(1, 8), st.integers(0, 7))
def test_breaching_raises_whatever_another_mode_raises(
    breaches: list[bool | None], required: int, more: int
) -> None:
    persistence = Persistence(required, required + more)
    if StateValue.ALARM in {evaluate_m_of_n(breaches, persistence, mode) for mode in MODES}:
        assert evaluate_m_of_n(breaches, persistence, MissingData.BREACHING) is StateValue.ALARM


@pytest.mark.parametrize(
    ("comparison", "sign", "below", "equal", "above"),
    [
        (ComparisonOperator.GREATER, ">", False, False, True),
        (ComparisonOperator.GREATER_OR_EQUAL, ">=", False, True, True),
        (ComparisonOperator.LESS, "<", True, False, False),
        (ComparisonOperator.LESS_OR_EQUAL, "<=", True, True, False),
    ],
)
def test_a_datapoint_stands_on_the_left_of_the_threshold(
    comparison: ComparisonOperator, sign: str, below: bool, equal: bool, above: bool
) -> None:
    assert [below, equal, above] == [comparison.breaches(value, 5.0) for value in (4.0, 5.0, 6.0)]
    assert sign == comparison.sign
