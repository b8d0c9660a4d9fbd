"""The merge gives the windows that a recount of the same events gives, in whatever order they come.

Drawings: a digit is a pane with data, a dot one without; ``[....)`` is a window of six panes.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.vocabulary import ClosedBy
from detector.rules.rules import RuleSet
from detector.tables.host_window import Slide
from detector.tables.merge import Merge
from detector.tables.pane_chunks import split_record
from detector.tables.pane_records import PaneRecord
from detector.tables.windows import WindowTimes
from tests.builders import rule
from tests.support.panes import (
    PANE,
    PANES,
    Event,
    Plain,
    pane_start,
    plain_slide,
    progress_of,
    record_of,
    recount,
)

TIMES = WindowTimes()
HOSTS = ("h1", "h2", "h3", "h4")


def new_merge(window_panes: int = PANES) -> Merge:
    return Merge(WindowTimes(window_panes=window_panes), 50_000)


def feed(merge: Merge, records: Sequence[PaneRecord], now: float = 0.0) -> list[Slide]:
    slides = []
    for record in records:
        merge.apply(record, now)
        slides += merge.advance(now)
    return slides


def ends_of(slides: Sequence[Slide]) -> list[int]:
    """Panes that the slides end with, counted from the start."""
    return [(slide.meta.window.end_ms - pane_start(1)) // PANE for slide in slides]


events_of_a_run = st.lists(
    st.builds(
        Event,
        pane=st.integers(0, 25),
        source=st.integers(0, 2),
        service=st.sampled_from(("checkout", "search")),
        zone=st.sampled_from(("az1", "az2")),
        host=st.sampled_from(HOSTS),
        caller=st.sampled_from(("c1", "c2")),
        requests=st.integers(0, 9).map(float),
        faults=st.integers(0, 3).map(float),
        slow=st.integers(0, 3).map(float),
        connection_failures=st.integers(0, 3).map(float),
    ),
    max_size=60,
)


def published_by(events: Sequence[Event], source: int, chance: random.Random) -> list[PaneRecord]:
    """All records of one of three sources, to the end of the log."""
    sources = {"logs": 3}
    records: list[PaneRecord] = []
    for pane in range(40):
        mine = [event for event in events if event.source == source and event.pane == pane]
        if mine:
            whole = record_of(mine, pane=pane, source=source, sources=sources)
            records += split_record(whole, 400) if chance.random() < 0.5 else [whole]
        elif pane == 39 or chance.random() < 0.3:
            records.append(progress_of(through=pane, source=source, sources=sources))
    return records


def again(records: Sequence[PaneRecord], chance: random.Random) -> Iterator[PaneRecord]:
    """Repeat records now and then, with less in them, always after the whole first record."""
    finished: list[PaneRecord] = []
    for record in records:
        yield record
        if record.chunk == record.chunks - 1:
            finished.append(record)
        if finished and chance.random() < 0.4:
            earlier = chance.choice(finished)
            yield msgspec.structs.replace(earlier, fleets=earlier.fleets[:1], rules=[], late=7)


def shuffled_together(queues: list[list[PaneRecord]], chance: random.Random) -> list[PaneRecord]:
    """Mix the queues at random; each keeps its own order, as a partition of a topic does."""
    mixed = []
    waiting = [queue[::-1] for queue in queues if queue]
    while waiting:
        queue = chance.choice(waiting)
        mixed.append(queue.pop())
        waiting = [queue for queue in waiting if queue]
    return mixed


def expected_windows(events: Sequence[Event]) -> list[tuple[int, Plain]]:
    """Recount every window that holds data and the empty one after it, from the events alone."""
    windows = []
    was_shown: set[str] = set()
    rule_was_shown = False
    for end in range(46):
        inside = [event for event in events if end - PANES < event.pane <= end]
        services = {event.service for event in inside}
        rows = [
            (*key, *row.cells, float(row.last_seen), *top_caller(row.callers))
            for key, row in sorted(recount(inside).items())
        ]
        faulty = [event for event in inside if event.faults]
        values: dict[tuple[str, ...], float] = {}
        for event in faulty:
            values[event.host,] = values.get((event.host,), 0.0) + event.faults
        sizes = [event.faults for event in faulty]
        rule = (
            "faults-by-host", values, float(len(faulty)), min(sizes, default=0.0),
            max(sizes, default=0.0), 0.0, 0.0, len(values),
        )  # fmt: skip
        shown = services | was_shown
        rules = [rule] if faulty or rule_was_shown else []
        if (shown or rules) and end < 40:
            windows.append((end, (rows, rules)))
        was_shown, rule_was_shown = services, bool(faulty)
    return windows


def top_caller(callers: dict[str, float]) -> tuple[str, float]:
    return min(callers.items(), key=lambda item: (-item[1], item[0]), default=("", 0.0))


@given(events=events_of_a_run, order=st.integers(0, 2**32))
def test_any_order_repetition_and_chunking_gives_the_windows_of_a_recount(
    events: list[Event], order: int
) -> None:
    chance = random.Random(order)
    queues = [list(again(published_by(events, source, chance), chance)) for source in range(3)]
    slides = feed(new_merge(), shuffled_together(queues, chance))
    found = [
        (end, plain_slide(slide)[1:]) for end, slide in zip(ends_of(slides), slides, strict=True)
    ]
    assert expected_windows(events) == found
    assert all(slide.meta.trustworthy and slide.meta.late == 0 for slide in slides)


@given(
    events=st.lists(
        st.builds(
            Event,
            pane=st.integers(0, 12),
            source=st.integers(0, 2),
            host=st.sampled_from(HOSTS),
            requests=st.sampled_from((0.1, 0.2, 0.7, 1.0, 1e17)),
            faults=st.sampled_from((0.1, 0.3, 2.0)),
        ),
        max_size=40,
    ),
    orders=st.tuples(st.integers(0, 2**32), st.integers(0, 2**32)),
)
def test_fractions_are_summed_alike_to_the_last_bit_in_any_order(
    events: list[Event], orders: tuple[int, int]
) -> None:
    published = [published_by(events, source, random.Random(1)) for source in range(3)]
    first, second = (
        [
            plain_slide(slide)
            for slide in feed(new_merge(), shuffled_together(published, random.Random(o)))
        ]
        for o in orders
    )
    assert first == second
    for slide, (_, (rows, _)) in zip(first, expected_windows(events), strict=True):
        assert pytest.approx([row[3] for row in rows]) == [row[3] for row in slide[1]]


@given(events=events_of_a_run, order=st.integers(0, 2**32), stop=st.integers(0, 100))
def test_a_restart_in_the_middle_gives_the_windows_of_an_uninterrupted_run(
    events: list[Event], order: int, stop: int
) -> None:
    """The second life reads again from the first record that the first life still needed."""
    chance = random.Random(order)
    records = shuffled_together(
        [published_by(events, source, chance) for source in range(3)], chance
    )
    whole = [plain_slide(slide) for slide in feed(new_merge(), records)]
    stop = min(stop, len(records))
    first = new_merge()
    shown = feed(first, records[:stop])
    second = new_merge()
    needed = first.oldest_needed_pane()
    if shown:
        second.skip_through(shown[-1].meta.window.end_ms - PANE)
    replay = first_needed(records[:stop], needed)
    shown += feed(second, records[replay:])
    assert whole == [plain_slide(slide) for slide in shown]


def first_needed(records: Sequence[PaneRecord], needed: int | None) -> int:
    """Place of the first record that an ack in order cannot pass."""
    for place, record in enumerate(records):
        if needed is None or max(record.pane_ms, record.through_ms) >= needed:
            return place
    return len(records)


def test_a_window_slides_by_one_pane_and_clears_after_its_last() -> None:
    """Panes  1.2......; windows ``[.....1)``, ``[....1.)``, ... until the first without data."""
    merge = new_merge()
    slides = feed(
        merge,
        [
            record_of([Event(pane=0, requests=1)], pane=0),
            record_of([Event(pane=2, requests=2)], pane=2),
            progress_of(through=30),
        ],
    )
    assert list(range(9)) == ends_of(slides)
    requests = [float(slide.fleets[0].requests.sum()) for slide in slides]
    assert [1.0, 1.0, 3.0, 3.0, 3.0, 3.0, 2.0, 2.0, 0.0] == requests
    assert [1] * 8 + [0] == [len(slide.fleets[0].hosts) for slide in slides]


def test_a_silence_of_years_costs_nothing() -> None:
    """Panes  1......(eighty million)......2: only windows with data, and one empty, are made."""
    far = 80_000_000
    slides = feed(
        new_merge(),
        [record_of([Event(pane=0)], pane=0), record_of([Event(pane=far)], pane=far)],
    )
    assert [*range(7), far] == ends_of(slides)
    assert all(slide.meta.complete for slide in slides)


def test_a_pane_waits_for_every_source_partition_of_every_topic() -> None:
    sources = {"logs": 2, "more": 1}
    merge = new_merge()
    published = [
        record_of([Event(pane=0)], pane=0, source=0, sources=sources),
        progress_of(through=0, source=1, sources=sources),
        progress_of(through=0, source=0, sources=sources, topic="more"),
    ]
    assert [0, 0, 1] == [len(feed(merge, [record])) for record in published]


def test_after_the_patience_a_pane_closes_incomplete_and_names_who_is_missing() -> None:
    sources = {"logs": 12, "more": 1}
    merge = new_merge()
    for source in range(12):
        if source not in {2, 10}:
            merge.apply(record_of([Event(pane=0)], pane=0, source=source, sources=sources), 100.0)
    assert merge.advance(129.9) == []
    (slide,) = merge.advance(130.0)
    assert not slide.meta.complete
    assert ("logs/10", "logs/2", "more/0") == slide.meta.missing_partitions
    assert 10.0 == float(slide.fleets[0].requests.sum())


def test_a_window_stays_incomplete_while_an_incomplete_pane_is_in_it() -> None:
    """Pane 0 lacks a source; it is in six windows."""
    sources = {"logs": 2}
    merge = new_merge()
    merge.apply(record_of([Event(pane=0)], pane=0, sources=sources), 0.0)
    slides = merge.advance(60.0)
    merge.apply(progress_of(through=0, source=1, sources=sources), 60.0)
    for pane in range(1, 8):
        for source in range(2):
            record = record_of([Event(pane=pane)], pane=pane, source=source, sources=sources)
            merge.apply(record, 60.0)
        slides += merge.advance(60.0)
    assert [False] * 6 + [True] * 2 == [slide.meta.complete for slide in slides]
    assert [("logs/1",)] * 6 + [()] * 2 == [slide.meta.missing_partitions for slide in slides]


def test_silence_that_closed_incomplete_marks_the_first_windows_after_it() -> None:
    """Panes 0 to 9 close empty and without source 1: five of them are in the next window."""
    sources = {"logs": 2}
    merge = new_merge()
    merge.apply(progress_of(through=9, sources=sources), 0.0)
    assert [] == merge.advance(60.0)
    slides = []
    for pane in range(10, 17):
        for source in range(2):
            record = record_of([Event(pane=pane)], pane=pane, source=source, sources=sources)
            merge.apply(record, 60.0)
        slides += merge.advance(60.0)
    assert [False] * 5 + [True] * 2 == [slide.meta.complete for slide in slides]


def test_a_source_that_catches_up_before_the_patience_ends_is_not_missing() -> None:
    sources = {"logs": 2}
    merge = new_merge()
    merge.apply(record_of([Event(pane=0)], pane=0, sources=sources), 0.0)
    merge.apply(progress_of(through=3, sources=sources), 10.0)
    merge.apply(progress_of(through=0, source=1, sources=sources), 29.0)
    slides = merge.advance(31.0)
    assert [(0, True)] == [
        (end, s.meta.complete) for end, s in zip(ends_of(slides), slides, strict=True)
    ]


def test_a_partial_pane_marks_its_six_windows() -> None:
    records = [record_of([Event(pane=p)], pane=p, partial=p == 0) for p in range(8)]
    slides = feed(new_merge(), records)
    assert [True] * 6 + [False] * 2 == [slide.meta.partial for slide in slides]
    assert [False] * 6 + [True] * 2 == [slide.meta.trustworthy for slide in slides]


def test_the_first_record_of_a_pane_wins() -> None:
    merge = new_merge(1)
    first = record_of([Event(pane=0, requests=5)], pane=0)
    second = record_of([Event(pane=0, requests=3)], pane=0)
    assert ["applied", "duplicate"] == [merge.apply(r, 0.0) for r in (first, second)]
    (slide,) = merge.advance(0.0)
    assert [5.0] == slide.fleets[0].requests.tolist()
    assert "duplicate" == merge.apply(progress_of(through=0), 0.0)


def test_a_record_that_comes_after_its_window_closed_is_late_and_counted() -> None:
    sources = {"logs": 2}
    merge = new_merge()
    merge.apply(record_of([Event(pane=0)], pane=0, sources=sources, late=3), 0.0)
    (first,) = merge.advance(60.0)
    tardy = record_of([Event(pane=0, requests=4)], pane=0, source=1, sources=sources, late=2)
    assert "late" == merge.apply(tardy, 60.0)
    for source in range(2):
        merge.apply(record_of([Event(pane=1)], pane=1, source=source, sources=sources), 60.0)
    (second,) = merge.advance(60.0)
    assert [3, 6] == [first.meta.late, second.meta.late]
    assert 3.0 == float(second.fleets[0].requests.sum())


def test_losses_told_in_silence_are_in_the_next_window_shown() -> None:
    slides = feed(
        new_merge(),
        [
            progress_of(through=0, late=2),
            progress_of(through=5, late=1),
            record_of([Event(pane=9)], pane=9, late=4),
            record_of([Event(pane=10)], pane=10),
        ],
    )
    assert [7, 0] == [slide.meta.late for slide in slides]


def test_losses_that_a_former_life_told_are_not_told_again() -> None:
    merge = new_merge()
    merge.skip_through(pane_start(1))
    slides = feed(merge, [record_of([Event(pane=p)], pane=p, late=1) for p in range(3)])
    assert [(2, 1)] == list(zip(ends_of(slides), [s.meta.late for s in slides], strict=True))
    assert 3.0 == float(slides[0].fleets[0].requests.sum())


def test_chunks_count_only_when_all_are_there() -> None:
    events = [Event(pane=0, host=f"host-{number}") for number in range(50)]
    chunks = split_record(record_of(events, pane=0), 700)
    merge = new_merge()
    outcomes = [merge.apply(chunk, 0.0) for chunk in chunks]
    assert ["incomplete_chunk"] * (len(chunks) - 1) + ["applied"] == outcomes
    assert len(chunks) > 2
    assert 50 == len(merge.advance(0.0)[0].fleets[0].hosts)


def test_a_malformed_record_changes_nothing() -> None:
    merge = new_merge()
    good = record_of([Event(pane=0)], pane=0)
    bad = msgspec.structs.replace(
        good, fleets=[msgspec.structs.replace(good.fleets[0], faults=b"")]
    )
    with pytest.raises(ValueError, match="differ in length"):
        merge.apply(bad, 0.0)
    assert "applied" == merge.apply(good, 0.0)


def test_what_is_needed_moves_with_the_windows() -> None:
    """A successor needs to know the window that closed last, ``[4 5 6 7 8 9)``."""
    merge = new_merge()
    assert merge.oldest_needed_pane() is None
    feed(merge, [record_of([Event(pane=9)], pane=9)])
    assert pane_start(4) == merge.oldest_needed_pane()


def test_panes_that_no_window_to_come_needs_are_not_taken_after_a_restart() -> None:
    merge = new_merge()
    merge.skip_through(pane_start(9))
    outcomes = [merge.apply(record_of([Event(pane=p)], pane=p), 0.0) for p in (2, 3, 4, 9)]
    assert ["duplicate", "duplicate", "applied", "applied"] == outcomes
    assert [] == merge.advance(0.0)


def test_a_subject_that_falls_silent_is_shown_empty_once_while_others_go_on() -> None:
    records = [record_of([Event(pane=0), Event(pane=0, service="search", faults=1)], pane=0)]
    records += [record_of([Event(pane=pane)], pane=pane) for pane in range(1, 9)]
    slides = feed(new_merge(), records)
    services = [[window.service for window in slide.fleets] for slide in slides]
    assert [["checkout", "search"]] * 7 + [["checkout"]] * 2 == services
    assert 0 == len(slides[6].fleets[1].hosts)
    assert [1, 0] == [slides[5].rules[0].unique, slides[6].rules[0].unique]
    assert [] == slides[7].rules


def test_rules_carry_the_labels_that_the_rule_book_gives_their_keys() -> None:
    tallied = record_of([Event(pane=0, faults=1)], pane=0)
    known = replace(rule(keys=[("host",)]), version=tallied.rules[0].version)
    (slide,) = feed(Merge(TIMES, 50_000, lambda _: RuleSet((known,))), [tallied])
    assert ("$.host",) == slide.rules[0].key_labels
    assert slide.rules[0].meta.trustworthy


def test_progress_by_idleness_closes_panes_like_any_other() -> None:
    record = msgspec.structs.replace(record_of([Event(pane=0)], pane=0), closed_by=ClosedBy.IDLE)
    assert 1 == len(feed(new_merge(), [record]))
