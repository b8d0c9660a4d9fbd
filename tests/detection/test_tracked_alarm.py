"""An alarm is raised when one contributor keeps meeting the condition, and ends when it stopped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.vocabulary import AlarmState
from detector.detection.persistence import Persistence
from detector.detection.tracked_alarm import (
    TRANSITIONS,
    TrackedAlarm,
    WindowResult,
    WindowsSummary,
)
from detector.detection.tracked_alarm import __doc__ as drawing

THREE_OF_FIVE = Persistence(3, 5)
LETTERS = {
    "m": WindowResult.MET,
    ".": WindowResult.NOT_MET,
    "?": WindowResult.UNKNOWN,
    "h": WindowResult.HINTED,
}
STATES = {
    AlarmState.OK: "o",
    AlarmState.PENDING: "p",
    AlarmState.ALARM: "A",
    AlarmState.INSUFFICIENT_DATA: "i",
}


def course(results: str, persistence: Persistence = THREE_OF_FIVE) -> str:
    """Write the state after each window."""
    alarm, states = TrackedAlarm(), ""
    for letter in results:
        alarm = alarm.after_result(LETTERS[letter], persistence)
        states += STATES[alarm.state]
    return states


@pytest.mark.parametrize(
    ("results", "states"),
    [
        ("mmm", "ppA"),
        ("m.m.m", "ppppA"),
        ("m..m..m", "ppppppp"),  # never three of five
        ("m.....", "pppppo"),
        ("mmm.....", "ppAAAAAo"),  # left when none of the last five met it
        ("mmm....m.....", "ppAAAAAAAAAAo"),  # one more keeps it
        ("???", "ooi"),  # fewer than three of five are left to say
        ("mm???", "ppppi"),
        ("mmm???", "ppAAAi"),  # still three of five after two unknown windows
        ("mmm???...", "ppAAAiiio"),
        ("???mmm", "ooiiiA"),
        ("???..m", "ooiiip"),
        ("h.....", "pppppo"),  # hinted at: pending, and never more
        ("hhhhh", "ppppp"),
        ("mmmhhhhhh.....", "ppAAAAAAAAAAAo"),
    ],
)
def test_the_course_of_an_alarm(results: str, states: str) -> None:
    assert states == course(results)


def test_one_of_one_follows_every_window() -> None:
    assert "AoiA" == course("m.?m", Persistence(1, 1))


@given(st.text(alphabet="m.?", max_size=40))
def test_an_alarm_stands_only_after_the_required_windows_and_falls_only_after_all(
    results: str,
) -> None:
    states = course(results)
    for number, state in enumerate(states):
        last = results[max(0, number - 4) : number + 1]
        before = states[number - 1] if number else "o"
        if last.count("m") >= 3:
            assert state == "A"
        elif state == "A":
            assert before == "A"
            assert "m" in last
        if before == "A" and state == "o":
            assert "m" not in last
        assert not (state == "p" and "m" not in last)


def test_the_drawing_shows_the_table() -> None:
    assert drawing is not None
    lines = [line.split() for line in drawing.splitlines()]
    header = next(line for line in lines if line[:1] == ["OFTEN"])
    for state, row in TRANSITIONS.items():
        drawn = next(line for line in lines if line[:1] == [state.value] and len(line) == 5)
        assert [row[WindowsSummary(signal.lower())].value for signal in header] == drawn[1:]


def test_a_silent_window_leaves_nothing_known() -> None:
    alarm = TrackedAlarm(AlarmState.ALARM, (WindowResult.MET,) * 5).after_silence(THREE_OF_FIVE)
    assert TrackedAlarm(AlarmState.INSUFFICIENT_DATA, (WindowResult.UNKNOWN,) * 5) == alarm
    back = alarm.after_result(WindowResult.UNKNOWN, THREE_OF_FIVE)
    assert AlarmState.INSUFFICIENT_DATA == back.state
    assert AlarmState.OK == TrackedAlarm().after_silence(THREE_OF_FIVE).state


def test_windows_before_a_gap_count_no_more() -> None:
    alarm = TrackedAlarm(AlarmState.ALARM, (WindowResult.MET,) * 5).after_gap(THREE_OF_FIVE)
    assert AlarmState.ALARM == alarm.state
    after = alarm.after_result(WindowResult.NOT_MET, THREE_OF_FIVE)
    assert AlarmState.INSUFFICIENT_DATA == after.state


def test_what_a_new_alarm_would_equal_may_be_forgotten() -> None:
    quiet = TrackedAlarm(AlarmState.OK, (WindowResult.NOT_MET, WindowResult.UNKNOWN))
    assert [True, True, False] == [
        alarm.is_forgettable
        for alarm in (TrackedAlarm(), quiet, TrackedAlarm(AlarmState.INSUFFICIENT_DATA))
    ]


@pytest.mark.parametrize(("required", "seen"), [(0, 5), (6, 5), (1, 0)])
def test_impossible_persistence_is_refused(required: int, seen: int) -> None:
    with pytest.raises(ValueError, match=f"{required} of {seen} windows"):
        Persistence(required, seen)
