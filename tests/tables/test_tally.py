"""Panes of one source partition: what is counted where, and what closes a pane.

Panes of one second, lateness half a second, future tolerance three seconds. In the drawings an
``x`` is an event, ``w`` the watermark after it, and times are milliseconds past START.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.vocabulary import ClosedBy
from detector.rules.contribution import Contribution
from detector.rules.rules import RuleSet
from detector.tables.pane_records import PaneRecord
from detector.tables.tally import NEVER, PartitionTally, TallyLimits
from detector.tables.windows import WindowTimes
from tests.builders import START, drained, encoded, finished, log_event, new_tally, rule

SUMS = rule(value_of=["Faults"])


def add(tally: PartitionTally, after_ms: int, **changed: Any) -> None:
    record_ms = changed.pop("record_ms", START + after_ms)
    contributions = changed.pop("contributions", ())
    tally.add(log_event(after_ms, **changed), contributions, record_ms=record_ms)


def summary(records: list[PaneRecord]) -> list[tuple[int | None, int, float]]:
    """Pane (``None``: progress only) and progress in ms past START, and the requests."""
    return [
        (
            record.pane_ms - START if record.pane_ms != NEVER else None,
            record.through_ms - START,
            sum(float(np.frombuffer(fleet.requests, "<f8").sum()) for fleet in record.fleets),
        )
        for record in records
    ]


def test_a_pane_closes_when_the_watermark_reaches_its_end() -> None:
    # 0         1000      2000      3000
    # [---------)[--------)[--------)
    # x(0) x(999)     x(1499): w=999: the pane is open
    #                 x(1500): w=1000: the pane is closed
    tally = new_tally()
    add(tally, 0)
    assert [(None, -2_000, 0.0)] == summary(drained(tally))
    add(tally, 999)
    add(tally, 1_499)
    assert [(None, -1_000, 0.0)] == summary(drained(tally))
    add(tally, 1_500)
    assert [(0, 0, 2.0)] == summary(drained(tally))
    assert START + 1_000 == tally.oldest_open_ms


def test_a_late_event_never_reopens_a_closed_pane() -> None:
    # 0         1000      2000
    # [---------)[--------)
    # x(0)            x(1500) closes; then x(999) is late, x(1000) is not
    tally = new_tally()
    add(tally, 0)
    add(tally, 1_500)
    add(tally, 999)
    add(tally, 1_000)
    assert (1, 0, 0) == tally.losses
    assert [(None, -2_000, 0.0), (0, 0, 1.0)] == summary(drained(tally))
    (last, *_) = finished(tally)
    assert [(1_000, 1_000, 2.0)] == summary([last])
    assert 1 == last.late


def test_a_jump_of_event_time_closes_all_panes_in_order_and_tells_the_silence_after_them() -> None:
    # 0         1000      2000      3000      4000      5000
    # [---------)[--------)         (empty)   (empty)   x(5600)
    # x(0)       x(1200)
    tally = new_tally()
    add(tally, 1_200)
    add(tally, 700)
    add(tally, 5_600)
    assert [(None, -1_000, 0.0), (0, 0, 1.0), (1_000, 1_000, 1.0), (None, 4_000, 0.0)] == summary(
        drained(tally)
    )


def test_losses_are_told_once_with_the_next_record() -> None:
    tally = new_tally()
    add(tally, 0)
    add(tally, 1_500)
    add(tally, 100)
    add(tally, 9_000, record_ms=START)
    add(tally, 2_500)
    add(tally, 3_500)
    seen = [(record.late, record.future) for record in drained(tally)]
    assert [(0, 0), (0, 0), (1, 1), (0, 0)] == seen


@pytest.mark.parametrize(("ahead", "lost"), [(3_000, 0), (3_001, 1)])
def test_an_event_ahead_of_its_record_by_more_than_the_tolerance_moves_nothing(
    ahead: int, lost: int
) -> None:
    tally = new_tally()
    add(tally, 0)
    top = tally.top_ms
    add(tally, ahead, record_ms=START)
    assert (0, lost, 0) == tally.losses
    assert (tally.top_ms == top) is bool(lost)


def test_a_record_without_a_timestamp_is_never_from_the_future() -> None:
    tally = new_tally()
    add(tally, 3_600_000, record_ms=-1)
    add(tally, 7_200_000, record_ms=0)
    assert (0, 0, 0) == tally.losses


def test_a_partition_that_begins_inside_marks_every_pane_that_may_lack_its_beginning() -> None:
    # 0         1000      2000      3000
    # [---------)[--------)[--------)
    #     x(700): the watermark before it was at most 700, events up to 700 + 500 may be missing
    tally = new_tally(begins_inside=True)
    for after in (700, 1_100, 2_100, 900):
        add(tally, after)
    records = drained(tally) + finished(tally)
    assert {0: True, 1_000: True, 2_000: False} == {
        record.pane_ms - START: record.partial for record in records if record.pane_ms != NEVER
    }


def test_where_the_log_begins_is_told_by_the_first_record_when_its_event_is_late() -> None:
    tally = new_tally(begins_inside=True)
    tally.begin_at(START + 2_600)
    tally.begin_at(START + 9_000)
    for after in (-4_000, 2_100, 3_100, 4_100):
        add(tally, after, record_ms=START + 2_600)
    partial = {r.pane_ms - START: r.partial for r in drained(tally) + finished(tally)}
    assert (True, True, True, False) == tuple(
        partial[pane] for pane in (-4_000, 2_000, 3_000, 4_000)
    )


def test_nothing_is_given_away_while_a_pane_may_still_be_partial() -> None:
    """Who continues from a commit takes no pane for partial, so there must be no commit before."""
    tally = new_tally(begins_inside=True)
    assert NEVER > (tally.oldest_open_ms or 0)
    add(tally, 700)
    add(tally, 1_600)
    assert NEVER > (tally.oldest_open_ms or 0)
    add(tally, 2_500)
    assert START + 2_000 == tally.oldest_open_ms


def test_a_partition_without_events_is_partial_through_its_first_idle_pane() -> None:
    """The log was empty at 2,600: what came before it lies in panes up to 2,600 + 500."""
    tally = new_tally(begins_inside=True)
    tally.close_idle(START + 2_600)
    for after in (2_700, 3_200, 4_100):
        add(tally, after)
    partial = {r.pane_ms - START: r.partial for r in finished(tally) if r.pane_ms != NEVER}
    assert {2_000: True, 3_000: True, 4_000: False} == partial


def test_idleness_closes_by_the_clock_less_lateness_and_idle_time() -> None:
    tally = new_tally()
    add(tally, 100)
    drained(tally)
    tally.close_idle(START + 1_999)
    assert [(None, -1_000, 0.0)] == summary(drained(tally))
    tally.close_idle(START + 2_000)
    (record,) = drained(tally)
    assert (ClosedBy.IDLE, START) == (record.closed_by, record.pane_ms)
    assert tally.oldest_open_ms is None
    add(tally, 900)
    assert (1, 0, 0) == tally.losses


def test_progress_is_told_in_silence_and_never_twice() -> None:
    tally = new_tally()
    tally.close_idle(START + 3_000)
    tally.close_idle(START + 3_000)
    assert [(None, 1_000, 0.0)] == summary(drained(tally))


def test_after_idleness_the_log_closes_again() -> None:
    tally = new_tally()
    add(tally, 100)
    tally.close_idle(START + 2_000)
    add(tally, 1_100)
    add(tally, 2_500)
    assert [(None, -2_000, 0.0), (0, 0, 1.0), (1_000, 1_000, 1.0)] == summary(drained(tally))


def test_a_clock_behind_the_log_closes_nothing() -> None:
    tally = new_tally()
    add(tally, 100_000)
    drained(tally)
    tally.close_idle(START)
    assert not tally.has_closed


def test_an_event_id_counts_once_per_pane_within_the_bound() -> None:
    tally = new_tally(limits=TallyLimits(ids_per_pane=2))
    for event_id in ("a", "a", "b", "c", "c", ""):
        add(tally, 0, event_id=event_id)
    add(tally, 1_000, event_id="a")
    assert (0, 0, 1) == tally.losses
    seen = summary(drained(tally) + finished(tally))
    assert [(0, 0, 5.0), (1_000, 1_000, 1.0)] == [pane for pane in seen if pane[0] is not None]


def test_every_part_hears_of_every_pane_and_holds_its_own_subjects() -> None:
    tally = new_tally(RuleSet((SUMS,)))
    add(tally, 0, contributions=[(0, Contribution(("h1",), 1.0, 1.0, 1.0, 1.0))])
    add(tally, 0, service="cart")
    add(tally, 1_500)
    parts = {"fleet:checkout": 0, "fleet:cart": 1, "rule:faults-by-host": 1}
    seen = tally.drain(sources={"logs": 1}, parts=2, part_of=parts.__getitem__)
    assert [[(NEVER, [], []), (NEVER, [], [])], [
        (START, ["checkout"], []), (START, ["cart"], ["faults-by-host"]),
    ]] == [
        [(r.pane_ms, [f.service for f in r.fleets], [t.rule for t in r.rules]) for r in both]
        for both in seen
    ]  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(-3_000, 12_000), st.integers(0, 12_000)), max_size=40),
    st.sampled_from((1, 7, 250, 1_000, 1_001)),
    st.integers(0, 3_000),
)
def test_every_event_is_in_the_pane_of_its_time_or_lost_and_the_order_of_panes_is_time(
    events: list[tuple[int, int]], pane_ms: int, lateness_ms: int
) -> None:
    """An independent recount: closing needs only the highest time before an event."""
    times = WindowTimes(
        pane_ms=pane_ms, window_panes=2, lateness_ms=lateness_ms, future_tolerance_ms=3_000
    )
    tally = new_tally(times=times)
    panes: dict[int, float] = {}
    late = future = 0
    highest: int | None = None
    for after, record in events:
        add(tally, after, record_ms=START + record)
        if after > record + 3_000:
            future += 1
            continue
        index = (START + after) // pane_ms
        if highest is not None and (index + 1) * pane_ms <= highest - lateness_ms:
            late += 1
            continue
        panes[index * pane_ms] = panes.get(index * pane_ms, 0.0) + 1
        highest = START + after if highest is None else max(highest, START + after)
    records = drained(tally) + finished(tally)
    assert (late, future, 0) == tally.losses
    assert (late, future) == (sum(r.late for r in records), sum(r.future for r in records))
    assert sorted(panes.items()) == [
        (START + pane, requests) for pane, _, requests in summary(records) if pane is not None
    ]
    through = [record.through_ms for record in records]
    assert sorted(set(through)) == through


@given(st.lists(st.integers(-3_000, 12_000), max_size=30), st.data())
def test_any_batching_gives_the_same_records(events: list[int], data: st.DataObject) -> None:
    whole, cut = new_tally(), new_tally()
    pieces: list[PaneRecord] = []
    for after in events:
        add(whole, after, record_ms=0)
        add(cut, after, record_ms=0)
        if data.draw(st.booleans()):
            pieces += drained(cut)
    assert encoded(drained(whole) + finished(whole)) == encoded(
        pieces + drained(cut) + finished(cut)
    )
