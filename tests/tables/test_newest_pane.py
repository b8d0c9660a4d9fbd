"""Reports hold their newest pane alone, so that sums over time count everything once."""

import random
from collections import Counter

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.tables.contributor_window import VersionTable
from detector.tables.merge import Merge
from detector.tables.pane_encoding import rule_pane
from detector.tables.ranking import report_fleet, report_rule
from detector.tables.reports import PaneReport, Report
from detector.tables.sliding_window import PaneRing, Part
from detector.tables.windows import WindowTimes
from tests.support.panes import PANE, START, Event, pane_start, progress_of, record_of
from tests.support.windows import EPOCH, Host, fleet_of, meta_of, rule_of

events_of_a_run = st.lists(
    st.builds(
        Event,
        pane=st.integers(0, 20),
        source=st.integers(0, 1),
        host=st.sampled_from(("h1", "h2", "h3")),
        requests=st.integers(0, 9).map(float),
        faults=st.integers(0, 3).map(float),
        slow=st.integers(0, 3).map(float),
        connection_failures=st.integers(0, 3).map(float),
    ),
    min_size=1,
    max_size=40,
)


def reports_of(events: list[Event], top_n: int = 500) -> list[Report]:
    """Reports of all windows over two source partitions, as they are made."""
    merge = Merge(WindowTimes(), 50_000)
    reports = []
    for pane in range(30):
        for source in (0, 1):
            mine = [each for each in events if (each.pane, each.source) == (pane, source)]
            sources = {"logs": 2}
            merge.apply(
                record_of(mine, pane=pane, source=source, sources=sources)
                if mine
                else progress_of(through=pane, source=source, sources=sources),
                0.0,
            )
        for slide in merge.advance(0.0):
            reports += [report_fleet(window, top_n) for window in slide.fleets]
            reports += [report_rule(window, top_n) for window in slide.rules]
    return reports


def panes_of(reports: list[Report], subject: str) -> list[PaneReport]:
    return [report.pane for report in reports if report.subject == subject and report.pane]


@given(events_of_a_run)
def test_the_newest_panes_of_a_fleet_add_up_to_its_events(events: list[Event]) -> None:
    panes = panes_of(reports_of(events), "fleet:checkout")
    assert len({pane.start for pane in panes}) == len(panes)
    requests: Counter[int] = Counter()
    faults: Counter[tuple[int, str]] = Counter()
    slow, failures = 0.0, 0.0
    for each in events:
        requests[pane_start(each.pane)] += int(each.requests)
        faults[pane_start(each.pane), each.host] += int(each.faults)
        slow, failures = slow + each.slow, failures + each.connection_failures
    assert dict(+requests) == {p.start: p.sample_count for p in panes if p.sample_count}
    assert dict(+faults) == {
        (pane.start, keys[1]): value for pane in panes for keys, value in pane.contributors
    }
    assert slow == sum(pane.totals["slow"] for pane in panes)
    assert failures == sum(pane.totals["connection_failures"] for pane in panes)


@given(events_of_a_run)
def test_the_newest_panes_of_a_rule_add_up_to_its_events(events: list[Event]) -> None:
    panes = panes_of(reports_of(events), "rule:faults-by-host")
    faulty = [each for each in events if each.faults]
    faults: Counter[tuple[int, str]] = Counter()
    for each in faulty:
        faults[pane_start(each.pane), each.host] += int(each.faults)
    assert dict(faults) == {
        (pane.start, keys[0]): value for pane in panes for keys, value in pane.contributors
    }
    assert len(faulty) == sum(pane.sample_count for pane in panes)
    filled = [pane for pane in panes if pane.sample_count]
    for pane in filled:
        mine = [each.faults for each in faulty if pane_start(each.pane) == pane.start]
        assert (min(mine), max(mine)) == (pane.minimum, pane.maximum)
        assert pane.sum == sum(value for _, value in pane.contributors)
        assert pane.unique_contributors == len(pane.contributors)
    silent = [pane for pane in panes if not pane.sample_count]
    assert {(0.0, (), 0)} >= {(p.sum, p.contributors, p.unique_contributors) for p in silent}


def test_what_the_cut_leaves_out_of_a_pane_is_in_its_others(seed: int) -> None:
    chance = random.Random(seed)
    events = [Event(pane=0, host=f"h{n}", faults=float(chance.randint(1, 9))) for n in range(30)]
    [pane] = [each for each in panes_of(reports_of(events, 4), "rule:faults-by-host") if each.sum]
    listed = sum(value for _, value in pane.contributors)
    assert (4, 30) == (len(pane.contributors), pane.unique_contributors)
    assert pane.sum - listed == pytest.approx(pane.others)


def test_a_pane_that_lacks_a_source_says_so_and_the_next_one_does_not() -> None:
    merge = Merge(WindowTimes(), 50_000)
    sources = {"logs": 2}
    merge.apply(record_of([Event(0, faults=1.0)], pane=0, sources=sources), 0.0)
    slides = merge.advance(100.0)
    for pane in (1, 2):
        for source in (0, 1):
            merge.apply(record_of([Event(pane)], pane=pane, source=source, sources=sources), 100.0)
        slides += merge.advance(100.0)
    panes = [slide.meta.newest for slide in slides]
    assert [pane_start(number) for number in range(3)] == [p.start_ms for p in panes if p]
    assert [False, True, True] == [pane.trustworthy for pane in panes if pane]
    assert [False, False, False] == [slide.meta.complete for slide in slides]


def test_the_newest_pane_holds_only_the_rows_that_it_had() -> None:
    ring: PaneRing[str] = PaneRing(3, 1)
    none = np.array([], np.int64)
    assert (2, 0) == ring.newest(none).shape
    first = ring.rows_of("", ["a"])
    ring.stage(0, Part(("logs", 0, 0), first, (np.array([5.0]),)))
    ring.close(0)
    # A row that came after the pane had closed is not in it.
    both = np.concatenate([first, ring.rows_of("", ["b"])])
    assert [[5.0, 0.0], [1.0, 0.0]] == ring.newest(both).tolist()
    ring.close(PANE)
    assert [[0.0, 0.0], [0.0, 0.0]] == ring.newest(both).tolist()


def test_a_rule_window_that_holds_no_pane_yet_has_an_empty_newest_pane() -> None:
    table = VersionTable("r", "v1", 6, 10)
    newest = table.window(meta_of(), ()).newest
    assert newest is not None
    assert ((), 0.0, 0) == (newest.keys, newest.samples, newest.unique)
    table.stage(
        START,
        ("logs", 0, 0),
        rule_pane("r", "v1", {("a",): 2.0}, samples=1, minimum=2.0, maximum=2.0),
    )
    table.close(START)
    newest = table.window(meta_of(), ()).newest
    assert newest is not None
    assert ((("a",),), [2.0]) == (newest.keys, newest.values.tolist())


def test_a_window_of_which_no_newest_pane_is_known_reports_none() -> None:
    assert report_rule(rule_of({("a",): 1.0}), 10).pane is None
    assert report_fleet(fleet_of([Host("a", 1.0)]), 10).pane is None


def test_a_report_says_how_many_its_slide_has_and_old_records_are_still_read() -> None:
    report = report_rule(rule_of({("a",): 1.0}), 10, 7)
    assert 7 == report.slide_reports
    old = msgspec.json.decode(msgspec.json.encode(report))
    old.pop("pane", None)
    old.pop("slide_reports", None)
    read = msgspec.convert(old, Report)
    assert (None, 0, EPOCH) == (read.pane, read.slide_reports, read.window_end)
