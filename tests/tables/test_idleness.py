"""A partition is idle when its log ended at the same offset for long enough without a break."""

from hypothesis import given
from hypothesis import strategies as st

from detector.tables.watermarks import Idleness

IDLE_MS = 6_000
START = 1_700_000_000_000


def seen(idleness: Idleness, *times_ms: int, offset: int = 7) -> list[bool]:
    return [idleness.proves(offset, START + time_ms) for time_ms in times_ms]


def test_the_end_must_be_seen_for_the_whole_idle_time() -> None:
    assert [False, False, False, True, True] == seen(Idleness(IDLE_MS), 0, 3000, 5999, 6000, 9000)


def test_one_look_is_not_enough_however_long_nothing_was_seen() -> None:
    """As after an outage: the end is there, and producers may still come back."""
    idleness = Idleness(IDLE_MS)
    assert [False, False, False, True] == seen(idleness, 0, 2000, 4000, 6000)
    assert [False, False, False, True] == seen(idleness, 16_000, 18_000, 20_000, 22_000)


def test_a_gap_of_more_than_half_the_idle_time_breaks_the_run() -> None:
    assert [False, False, True] == seen(Idleness(IDLE_MS), 0, 3000, 6000)
    assert [False, False, False] == seen(Idleness(IDLE_MS), 0, 3001, 6000)


def test_a_short_idle_time_still_bears_gaps_of_two_seconds() -> None:
    assert [False, True] == seen(Idleness(100), 0, 2000)
    assert [False, False] == seen(Idleness(100), 0, 2001)


def test_a_new_record_begins_the_run_anew() -> None:
    idleness = Idleness(IDLE_MS)
    assert [False, False, False] == seen(idleness, 0, 3000, 5000)
    assert [False, False, True] == seen(idleness, 6000, 9000, 12_000, offset=8)


def test_a_clock_that_was_set_back_begins_the_run_anew() -> None:
    idleness = Idleness(IDLE_MS)
    assert [False, False, False] == seen(idleness, 0, 3000, -1)
    assert [False, False, True] == seen(idleness, 2999, 5000, 5999)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-100, 7_000)), max_size=60))
def test_whatever_is_seen_idleness_needs_a_run_of_its_own_length(
    steps: list[tuple[int, int]],
) -> None:
    """By looking back over all proofs, without the state that the run is kept in."""
    idleness = Idleness(IDLE_MS)
    now_ms = START
    history: list[tuple[int, int]] = []
    for offset, step in steps:
        now_ms += step
        history.append((offset, now_ms))
        begin = len(history) - 1
        while (
            begin > 0
            and history[begin - 1][0] == offset
            and 0 <= history[begin][1] - history[begin - 1][1] <= IDLE_MS // 2
        ):
            begin -= 1
        assert (now_ms - history[begin][1] >= IDLE_MS) == idleness.proves(offset, now_ms)
