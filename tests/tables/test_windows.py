"""Panes tile time; a window is a whole number of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.tables.windows import Window, WindowTimes

times_ms = st.integers(0, 4_102_444_800_000)
lengths = st.builds(WindowTimes, pane_ms=st.integers(1, 100_000), window_panes=st.integers(1, 60))


@given(times_ms, lengths)
def test_every_moment_lies_in_exactly_one_pane(time_ms: int, times: WindowTimes) -> None:
    # [0, p) [p, 2p) [2p, 3p) ...
    start = times.pane_of(time_ms)
    assert 0 == start % times.pane_ms
    assert start <= time_ms < start + times.pane_ms


@given(times_ms, lengths)
def test_the_last_closed_pane_is_the_newest_that_ends_by_the_watermark(
    watermark_ms: int, times: WindowTimes
) -> None:
    last = times.last_closed_pane(watermark_ms)
    assert last + times.pane_ms <= watermark_ms < last + 2 * times.pane_ms


@given(times_ms, lengths)
def test_a_window_ends_with_its_newest_pane(time_ms: int, times: WindowTimes) -> None:
    pane = times.pane_of(time_ms)
    window = Window.ending_with(pane, times)
    assert pane + times.pane_ms == window.end_ms
    assert times.window_ms == window.end_ms - window.start_ms


def test_windows_are_ordered_by_time() -> None:
    assert Window(0, 60) < Window(10, 70)


def test_the_defaults_are_a_minute_of_ten_second_panes() -> None:
    assert 60_000 == WindowTimes().window_ms


@pytest.mark.parametrize("lengths", [{"pane_ms": 0}, {"pane_ms": -1}, {"window_panes": 0}])
def test_panes_and_windows_have_a_length(lengths: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        WindowTimes(**lengths)


@pytest.mark.parametrize("name", ["lateness_ms", "future_tolerance_ms", "idle_ms", "max_wait_ms"])
def test_patience_is_not_negative(name: str) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        WindowTimes(**{name: -1})
    assert 0 == getattr(WindowTimes(**{name: 0}), name)
