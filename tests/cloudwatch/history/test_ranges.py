"""A report over a range counts every event once: compared with a recount of the observations."""

import math
from collections.abc import Iterator, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.cloudwatch.history import HistoryReader, StoreError, read_range
from detector.cloudwatch.history import ranges as ranges_module
from detector.cloudwatch.history.ranges import reading
from detector.cloudwatch.metrics.ranges import (
    RangeReport,
    RangeRequest,
    RangeTooCostlyError,
    RankOrder,
)
from detector.cloudwatch.metrics.series import RuleMetric
from tests.support.history import (
    NOW,
    PANE,
    START,
    WINDOW,
    Pane,
    fetched,
    filled,
    observed,
    periods_of,
    ranked,
    reports_of,
)

Keys = tuple[str, ...]
hosts = st.sampled_from([("h1",), ("h2",), ("h3",), ("h4",), ("h5",)])
observations = st.lists(st.integers(1, 9).map(float), min_size=1, max_size=3)
panes_of_a_run = st.lists(st.dictionaries(hosts, observations, max_size=5), min_size=1, max_size=30)
periods = st.integers(1, 13).map(lambda panes: panes * PANE)
places = st.integers(-PANE, 32 * PANE).map(lambda after: START + after)


class History:
    """One store for many runs, each under a rule of its own: opening one takes longer than a run.

    Every run is kept as ``reports_of`` makes it and asked as ``read_range`` is.
    """

    def __init__(self) -> None:
        self.store = filled([])
        self._runs = 0

    def keep(self, panes: Sequence[Pane], top_n: int = 500) -> str:
        self._runs += 1
        rule = f"r{self._runs}"
        self.store.apply(fetched(reports_of(panes, rule=rule, top_n=top_n)), NOW)
        return rule

    def ask(
        self, panes: Sequence[Pane], start: int, end: int, period: int, *, top_n: int = 500,
        most: int = 500, order: RankOrder = RankOrder.SUM,
    ) -> RangeReport:  # fmt: skip
        rule = self.keep(panes, top_n)
        found = read_range(
            self.store, RangeRequest(f"rule:{rule}", start, end, period, most, order)
        )
        assert found is not None
        return found


@pytest.fixture(scope="module")
def history() -> Iterator[History]:
    held = History()
    yield held
    held.store.close()


def metric_points(found: RangeReport) -> dict[int, dict[str, float]]:
    return {
        time: {m.value: float(values[row]) for m, values in found.points.metrics.items()}
        for row, time in enumerate(found.points.times.tolist())
    }


@given(panes_of_a_run, periods, places, places)
def test_everything_equals_a_recount_while_reports_list_everyone(
    history: History, panes: list[dict[Keys, list[float]]], period: int, one: int, other: int
) -> None:
    start, end = min(one, other), max(one, other) + 1
    found = history.ask(panes, start, end, period)
    counted = periods_of(panes, start, end, period)
    everything = [pane for group in counted.values() for pane in group]
    assert sum(observed(everything)) == found.value
    assert len(ranked(everything)) == found.unique
    assert ranked(everything) == [(each.keys, each.value) for each in found.contributors]
    assert 0.0 == found.understated_by
    expected = {}
    for time, group in counted.items():
        if seen := observed(group):
            totals = ranked(group)
            expected[time] = {
                "UniqueContributors": len(totals), "MaxContributorValue": totals[0][1],
                "SampleCount": len(seen), "Sum": sum(seen), "Minimum": min(seen),
                "Maximum": max(seen), "Average": sum(seen) / len(totals),
            }  # fmt: skip
    assert expected == metric_points(found)
    for each in found.contributors:
        points = dict(
            zip(each.datapoints.times.tolist(), each.datapoints.values.tolist(), strict=True)
        )
        assert points == {
            time: total
            for time, group in counted.items()
            for keys, total in ranked(group)
            if keys == each.keys
        }
        assert max(points.values()) == each.largest


@given(panes_of_a_run, periods, st.integers(1, 3))
def test_what_reports_do_not_list_is_bounded_and_nobody_is_overstated(
    history: History, panes: list[dict[Keys, list[float]]], period: int, top_n: int
) -> None:
    end = START + len(panes) * PANE
    found = history.ask(panes, START, end, period, top_n=top_n)
    listed = {each.keys: each.value for each in found.contributors}
    assert found.understated_by is not None
    for keys, value in ranked(panes):
        assert listed.get(keys, 0.0) <= value <= listed.get(keys, 0.0) + found.understated_by
    assert sum(observed(panes)) == found.value
    assert found.unique <= len(ranked(panes))
    for time, group in periods_of(panes, START, end, period).items():
        if not observed(group):
            continue
        point, totals = metric_points(found)[time], ranked(group)
        assert point["UniqueContributors"] <= len(totals)
        assert point["MaxContributorValue"] <= totals[0][1]
        whole = time >= START and time + period <= end
        if period == PANE or (period == WINDOW and whole):
            assert (len(totals), totals[0][1]) == (
                point["UniqueContributors"],
                point["MaxContributorValue"],
            )


@given(panes_of_a_run, periods)
def test_two_halves_of_a_range_make_the_whole(
    history: History, panes: list[dict[Keys, list[float]]], period: int
) -> None:
    rule = history.keep(panes)
    middle, end = START + len(panes) // 2 * PANE, START + len(panes) * PANE
    found = [
        read_range(history.store, RangeRequest(f"rule:{rule}", *place, period))
        for place in ((START, middle), (middle, end), (START, end))
    ]
    first, second, whole = (each.value for each in found if each is not None)
    assert whole == first + second


def test_contributors_are_cut_and_ranked_by_their_largest_datapoint_where_asked(
    history: History,
) -> None:
    panes: list[Pane] = [{("steady",): [5.0], ("burst",): [9.0]}, {("steady",): [5.0]}, {}]
    panes = [*panes, {("late",): [1.0]}]
    end = START + len(panes) * PANE
    by_sum = history.ask(panes, START, end, PANE, most=2)
    assert [("steady",), ("burst",)] == [each.keys for each in by_sum.contributors]
    by_largest = history.ask(panes, START, end, PANE, most=2, order=RankOrder.MAXIMUM)
    assert [(("burst",), 9.0, 9.0), (("steady",), 10.0, 5.0)] == [
        (each.keys, each.value, each.largest) for each in by_largest.contributors
    ]
    assert (20.0, 3) == (by_sum.value, by_sum.unique)


def test_a_period_in_which_nothing_was_observed_has_no_datapoint(history: History) -> None:
    found = history.ask([{("a",): [1.0]}, {}, {("a",): [2.0]}], START, START + 3 * PANE, PANE)
    assert [START, START + 2 * PANE] == found.points.times.tolist()


def test_incomplete_panes_are_counted_and_marked() -> None:
    store = filled(reports_of([{("a",): [1.0]}] * 12, incomplete=[2]))
    found = read_range(store, RangeRequest("rule:r", START, START + 12 * PANE, WINDOW))
    store.close()
    assert found is not None
    assert ([False, True], 12, 1, 12.0) == (
        found.points.complete.tolist(),
        found.panes,
        found.incomplete_panes,
        found.value,
    )


def test_without_contributors_there_is_no_average() -> None:
    [report] = reports_of([{("a",): [1.0, 1.0]}])
    assert report.pane is not None
    pane = msgspec.structs.replace(report.pane, contributors=(), unique_contributors=0, others=2.0)
    bare = msgspec.structs.replace(
        report, pane=pane, unique_contributors=0, max_contributor_value=0.0
    )
    store = filled([bare])
    found = read_range(store, RangeRequest("rule:r", START, START + PANE, PANE))
    store.close()
    assert found is not None
    assert math.isnan(found.points.metrics[RuleMetric.AVERAGE][0])
    assert (2.0, 0, (), None) == (
        found.value,
        found.unique,
        found.contributors,
        found.understated_by,
    )


def test_observations_below_zero_leave_the_bound_unknown_and_no_value_overstated(
    history: History,
) -> None:
    panes: list[Pane] = [{("a",): [9.0], ("b",): [1.0]}, {("a",): [-8.0], ("b",): [1.0]}]
    cut = history.ask(panes, START, START + 2 * PANE, 2 * PANE, top_n=1)
    assert cut.understated_by is None
    whole = history.ask(panes, START, START + 2 * PANE, 2 * PANE)
    assert [2.0] == whole.points.metrics[RuleMetric.MAX_CONTRIBUTOR_VALUE].tolist()
    assert [(("b",), 2.0), (("a",), 1.0)] == [(e.keys, e.value) for e in whole.contributors]


def test_a_sketch_s_error_is_in_the_bound() -> None:
    [report] = reports_of([{("a",): [5.0], ("b",): [3.0]}])
    assert report.pane is not None
    pane = msgspec.structs.replace(report.pane, error_bound=2.0)
    store = filled([msgspec.structs.replace(report, pane=pane)])
    found = read_range(store, RangeRequest("rule:r", START, START + PANE, PANE))
    store.close()
    assert found is not None
    assert 2.0 == found.understated_by


HOSTILE = [
    "'; DROP TABLE reports; --", '"', "\x00", "\x01\x02", "$1", "\x1b[2J", "\U0001f600" * 9,
    "a" * 5_000, "", "[]", "%s{}", "NULL", "\\",
]  # fmt: skip


def test_hostile_keys_and_names_are_values_and_nothing_else() -> None:
    panes: list[Pane] = [{(name, "b"): [1.0 + rank] for rank, name in enumerate(HOSTILE)}]
    for name in HOSTILE:
        store = filled(reports_of(panes, rule=name, labels=(name, "x")))
        found = read_range(store, RangeRequest(f"rule:{name}", START, START + PANE, PANE, 500))
        assert found is not None
        assert ranked(panes) == [(each.keys, each.value) for each in found.contributors]
        assert (name, "x") == found.key_labels
        assert 1 == store.count
        store.close()


def test_a_subject_that_is_unknown_has_no_report() -> None:
    store = filled([])
    assert read_range(store, RangeRequest("rule:r", START, START + PANE, PANE)) is None
    store.close()


def test_a_reading_that_takes_too_long_is_given_up() -> None:
    store = filled([], read_seconds=0.05)
    with (
        pytest.raises(RangeTooCostlyError, match=r"longer than 0\.05 s"),
        reading(store) as cursor,
    ):
        cursor.execute("SELECT count(*) FROM range(1000000000000)").fetchall()
    store.close()


def test_a_reading_that_takes_too_much_memory_is_given_up() -> None:
    store = filled([], memory_mebibytes=64)
    with pytest.raises(RangeTooCostlyError, match="more than 64 MiB"), reading(store) as cursor:
        cursor.execute("SELECT list(a) FROM range(100000000) AS t(a)").fetchall()
    store.close()


async def test_the_reader_of_the_api_answers_as_the_function_does() -> None:
    panes: list[Pane] = [{("a",): [1.0]}] * 3
    store = filled(reports_of(panes))
    request = RangeRequest("rule:r", START, START + 3 * PANE, PANE)
    found = await HistoryReader(store).report(request)
    assert found is not None
    assert (3.0, 3) == (found.value, found.panes)
    store.close()


def test_too_many_datapoints_are_refused(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges_module, "MAX_DATAPOINTS", 11)
    panes: list[Pane] = [{("a",): [1.0], ("b",): [1.0]}] * 6
    with pytest.raises(RangeTooCostlyError, match="more than 11 datapoints"):
        history.ask(panes, START, START + 6 * PANE, PANE)
    assert 2 == history.ask(panes, START, START + 5 * PANE, PANE).unique


def test_a_closed_file_is_an_error_that_says_so() -> None:
    store = filled(reports_of([{("a",): [1.0]}]))
    store.close()
    with pytest.raises(StoreError):
        read_range(store, RangeRequest("rule:r", START, START + PANE, PANE))
