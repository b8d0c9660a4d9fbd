"""Alarms rise, stand, fall and stay silent as the windows say, and a restart changes nothing."""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import pytest

from detector.core.vocabulary import ActionKind, AlarmMode, AlarmState
from detector.detection.alarms import AlarmChange
from detector.detection.evaluate import Evaluator
from detector.tables.host_window import Slide
from detector.tables.reports import FleetWindow, RuleWindow
from tests.support.detectors import basic
from tests.support.windows import Host, fleet_of, meta_of, peers, rule_of, slide_of

ALARM, OK, PENDING = AlarmState.ALARM, AlarmState.OK, AlarmState.PENDING
LACKING = AlarmState.INSUFFICIENT_DATA
Course = list[tuple[int, str, AlarmState]]


def gray(
    number: int, name: str = "gray", faults: float = 300.0, requests: float = 1000.0
) -> FleetWindow:
    return fleet_of([Host(name, faults, requests), *peers(19, faults=1.0)], meta_of(number))


def healthy(number: int) -> FleetWindow:
    return fleet_of([Host("gray", 1.0), *peers(19, faults=1.0)], meta_of(number))


def course(evaluator: Evaluator, slides: Iterable[Slide]) -> Course:
    """Number of the slide, contributor and new state of every change."""
    return [
        (number, "/".join(change.contributor), change.state)
        for number, slide in enumerate(slides)
        for change in evaluator.evaluate(slide).changes
    ]


def fleets(windows: Sequence[FleetWindow]) -> list[Slide]:
    return [slide_of(fleets=[window]) for window in windows]


def test_a_gray_host_is_pending_then_in_alarm_then_ok_after_five_clean_windows() -> None:
    """With window 3 the share test no longer agrees, which is told at once."""
    windows = [gray(n) if n < 3 else healthy(n) for n in range(10)]
    expected = [(0, "az1/gray", PENDING), (2, "az1/gray", ALARM)]
    expected += [(3, "az1/gray", ALARM), (7, "az1/gray", OK)]
    assert expected == course(Evaluator(basic()), fleets(windows))


def test_two_of_five_windows_are_not_enough() -> None:
    windows = [gray(n) if n in {0, 3} else healthy(n) for n in range(9)]
    changes = course(Evaluator(basic()), fleets(windows))
    assert [(0, "az1/gray", PENDING), (8, "az1/gray", OK)] == changes


def test_persistence_never_passes_from_one_host_to_another() -> None:
    """Three windows meet the expression, each with another host on top."""
    windows = [gray(n, name=f"h{n}") for n in range(3)]
    states = {state for _, _, state in course(Evaluator(basic()), fleets(windows))}
    assert {PENDING} == states


def test_classic_mode_follows_the_bare_expression_window_by_window() -> None:
    config = basic(default_mode=AlarmMode.CLASSIC)
    windows = [
        fleet_of([Host("a", 1.0), *peers(2)], meta_of(0)),
        fleet_of([Host("b", 2.0), Host("a", 1.0)], meta_of(1)),
        fleet_of([Host("b", 1.0), Host("a", 1.0)], meta_of(2)),
    ]
    expected = [(0, "az1/a", ALARM), (1, "az1/a", OK), (1, "az1/b", ALARM), (2, "az1/b", OK)]
    assert expected == course(Evaluator(config), fleets(windows))


def test_a_subject_that_is_switched_off_raises_nothing_and_clears_what_stood() -> None:
    first = Evaluator(basic())
    course(first, fleets([gray(n) for n in range(3)]))
    second = Evaluator(basic(modes={"fleet:checkout": AlarmMode.OFF}))
    second.restore(first.snapshot())
    expected = [(0, "az1/gray", LACKING)]
    assert expected == course(second, fleets([gray(n) for n in range(3, 6)]))


def test_a_change_carries_all_that_is_needed_to_decide() -> None:
    evaluator = Evaluator(basic())
    *_, last = [evaluator.evaluate(slide) for slide in fleets([gray(n) for n in range(3)])]
    (change,) = last.changes
    assert ("r66", "fleet:checkout", "r66|fleet:checkout|az1|gray") == (
        change.detector,
        change.subject,
        change.alarm_id,
    )
    assert (PENDING, ALARM, ActionKind.REPLACE_HOST) == (
        change.previous,
        change.state,
        change.action,
    )
    assert change.target is not None
    assert "checkout/az1/gray" == change.target.key
    assert (3, 3, True, True) == (
        change.evidence.windows_met,
        change.evidence.windows_seen,
        change.evidence.confirmed,
        change.evidence.complete,
    )
    assert meta_of(2).window.end_ms == change.changed_at == change.evidence.window_end
    assert change.sentence.endswith("3 of the last 3 windows met the condition")
    assert change == msgspec.json.decode(msgspec.json.encode(change), type=AlarmChange)


def test_alarms_that_stand_are_listed_by_detector() -> None:
    evaluator = Evaluator(basic())
    course(evaluator, fleets([gray(0), gray(1)]))
    assert {} == evaluator.raised()
    course(evaluator, fleets([gray(2)]))
    assert {"r66": {"r66|fleet:checkout|az1|gray"}} == evaluator.raised()


def test_a_zone_in_trouble_is_named_and_none_of_its_hosts() -> None:
    windows = [
        fleet_of(
            [*peers(40, "az1", 9.0), *peers(40, "az2", 0.1), *peers(40, "az3", 0.1)], meta_of(n)
        )
        for n in range(3)
    ]
    evaluator = Evaluator(basic())
    changes = [change for slide in fleets(windows) for change in evaluator.evaluate(slide).changes]
    assert [(("az1",), PENDING), (("az1",), ALARM)] == [(c.contributor, c.state) for c in changes]
    assert (ActionKind.SHIFT_AWAY, True) == (changes[1].action, changes[1].evidence.confirmed)


def test_a_rule_names_its_contributor_and_asks_for_nothing() -> None:
    evaluator = Evaluator(basic())
    slides = [slide_of(rules=[rule_of({("a",): 90.0, ("b",): 10.0}, meta_of(n))]) for n in range(3)]
    changes = [change for slide in slides for change in evaluator.evaluate(slide).changes]
    assert [PENDING, ALARM] == [change.state for change in changes]
    assert (None, None, "faults-by-caller", "v1", False) == (
        changes[1].action,
        changes[1].target,
        changes[1].rule,
        changes[1].rule_version,
        changes[1].evidence.confirmed,
    )


@pytest.mark.parametrize("flaw", [{"partial": True}, {"missing": ["logs/1"]}])
def test_windows_that_cannot_be_trusted_meet_nothing(flaw: dict[str, object]) -> None:
    windows = [
        fleet_of([Host("gray", 300.0), *peers(19)], meta_of(n, **flaw))  # type: ignore[arg-type]
        for n in range(6)
    ]
    assert [] == course(Evaluator(basic()), fleets(windows))


def test_too_many_doubtful_windows_take_a_standing_alarm_to_insufficient_data() -> None:
    doubtful = [
        fleet_of([Host("gray", 300.0), *peers(19)], meta_of(n, missing=["logs/1"]))
        for n in range(3, 6)
    ]
    evaluator = Evaluator(basic())
    changes = course(evaluator, fleets([*(gray(n) for n in range(3)), *doubtful]))
    assert [(0, PENDING), (2, ALARM), (5, LACKING)] == [(n, state) for n, _, state in changes]


def test_one_doubtful_window_says_nothing_new_of_a_confirmed_alarm() -> None:
    doubtful = fleet_of([Host("gray", 300.0), *peers(19)], meta_of(3, partial=True))
    evaluator = Evaluator(basic())
    windows = [*(gray(n) for n in range(3)), doubtful, gray(4)]
    assert [0, 2] == [number for number, _, _ in course(evaluator, fleets(windows))]


def test_a_standing_alarm_tells_when_it_is_no_longer_confirmed_and_when_it_is_again() -> None:
    """In window 3 its requests explain the faults of the host; in window 4 they do not."""
    windows = [gray(n, requests=1e7 if n == 3 else 1000.0) for n in range(5)]
    evaluator = Evaluator(basic())
    changes = [change for slide in fleets(windows) for change in evaluator.evaluate(slide).changes]
    assert [True, True, False, True] == [change.evidence.confirmed for change in changes]
    assert [(ALARM, ALARM)] * 2 == [(c.previous, c.state) for c in changes[2:]]
    assert len({change.id for change in changes}) == len(changes)


def test_a_host_that_disappears_clears_its_alarm_as_unconfirmed() -> None:
    gone = [fleet_of(peers(19, faults=1.0), meta_of(n)) for n in range(3, 9)]
    evaluator = Evaluator(basic())
    slides = fleets([*(gray(n) for n in range(3)), *gone])
    changes = [change for slide in slides for change in evaluator.evaluate(slide).changes]
    assert [(ALARM, True), (ALARM, False), (OK, False)] == [
        (change.state, change.evidence.confirmed) for change in changes[1:]
    ]
    assert changes[-1].target is not None
    assert "host gray in az1 has none of the faults of checkout" in changes[-1].sentence


def test_an_empty_window_takes_all_alarms_of_the_fleet_to_insufficient_data() -> None:
    silent = slide_of(fleets=[fleet_of([], meta_of(3))])
    evaluator = Evaluator(basic())
    slides = [*fleets([gray(n) for n in range(3)]), silent]
    assert (3, "az1/gray", LACKING) == course(evaluator, slides)[-1]


def test_data_that_comes_back_must_say_enough_before_an_alarm_is_ok() -> None:
    silent = slide_of(fleets=[fleet_of([], meta_of(3))])
    evaluator = Evaluator(basic())
    slides = [*fleets([gray(n) for n in range(3)]), silent]
    slides += fleets([healthy(n) for n in range(4, 10)])
    assert (6, "az1/gray", OK) == course(evaluator, slides)[-1]


def test_windows_before_a_gap_are_forgotten() -> None:
    """Two windows meet the condition, then a third one much later: that is not three of five."""
    windows = [gray(0), gray(1), gray(500)]
    changes = course(Evaluator(basic()), fleets(windows))
    assert [(0, PENDING), (2, LACKING)] == [(number, state) for number, _, state in changes]


def test_a_fleet_that_is_missing_while_others_go_on_becomes_unknown() -> None:
    evaluator = Evaluator(basic())
    course(evaluator, fleets([gray(n) for n in range(3)]))
    other = [
        slide_of(fleets=[fleet_of(peers(3), meta_of(n), service="search")]) for n in range(3, 6)
    ]
    assert [(2, "az1/gray", LACKING)] == course(evaluator, other)


def faults_of(number: int, values: dict[tuple[str, ...], float]) -> RuleWindow:
    return rule_of(values, meta_of(number))


def test_a_rule_without_contributors_is_fine_while_the_log_goes_on() -> None:
    """Windows 3 and 4 show the rule empty, later ones not at all."""
    evaluator = Evaluator(basic())
    top: dict[tuple[str, ...], float] = {("a",): 90.0}
    course(evaluator, [slide_of(rules=[faults_of(n, top)]) for n in range(3)])
    slides = [
        slide_of(fleets=[healthy(n)], rules=[faults_of(n, {})] if n < 5 else [])
        for n in range(3, 9)
    ]
    assert [(4, "a", OK)] == course(evaluator, slides)


def test_a_rule_is_unknown_when_nothing_else_is_heard_either() -> None:
    evaluator = Evaluator(basic())
    top: dict[tuple[str, ...], float] = {("a",): 90.0}
    slides = [slide_of(rules=[faults_of(n, top)]) for n in range(3)]
    slides.append(slide_of(rules=[faults_of(3, {})]))
    assert (3, "a", LACKING) == course(evaluator, slides)[-1]


def test_an_absent_rule_in_a_doubtful_window_is_unknown() -> None:
    evaluator = Evaluator(basic())
    top: dict[tuple[str, ...], float] = {("a",): 90.0}
    course(evaluator, [slide_of(rules=[faults_of(n, top)]) for n in range(3)])
    slides = [slide_of(fleets=[fleet_of(peers(3), meta_of(n, partial=True))]) for n in range(3, 6)]
    (found,) = course(evaluator, slides)
    assert (2, "a", LACKING) == found


def test_standings_of_a_detector_that_is_gone_are_left_alone() -> None:
    evaluator = Evaluator(basic())
    snapshot = evaluator.snapshot()
    row = ["old", "fleet:checkout", ["h"], "alarm", "mmm", False, "", None, 0]
    evaluator.restore({**snapshot, "followed": [row]})
    assert [] == course(evaluator, fleets([gray(0)]))[1:]


def test_every_window_is_reported() -> None:
    evaluator = Evaluator(basic(top_n=2))
    evaluation = evaluator.evaluate(slide_of(fleets=[gray(0)], rules=[faults_of(0, {("a",): 1.0})]))
    assert ["fleet:checkout", "rule:faults-by-caller"] == [r.subject for r in evaluation.reports]
    assert 2 == len(evaluation.reports[0].contributors)


def test_standings_are_bounded_and_what_is_not_followed_is_counted() -> None:
    evaluator = Evaluator(basic(max_alarms=2))
    windows = [
        fleet_of([Host("gray", 300.0), *peers(9)], meta_of(0), service=f"s{n}") for n in range(5)
    ]
    evaluation = evaluator.evaluate(slide_of(fleets=windows))
    assert (2, 3) == (len(evaluation.changes), evaluation.untracked)
    assert 2 == len(evaluator.snapshot()["followed"])


def test_quiet_standings_are_forgotten() -> None:
    evaluator = Evaluator(basic())
    course(evaluator, fleets([gray(0), *(healthy(n) for n in range(1, 7))]))
    assert [] == evaluator.snapshot()["followed"]


def test_a_snapshot_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="alarm states of schema 7, expected 1"):
        Evaluator(basic()).restore({"schema": 7})


def random_slides(seed: int, count: int) -> list[Slide]:
    """Fleets with a bad host, a bad zone, doubtful windows, silence and gaps, all at random."""
    chance = np.random.default_rng(seed)
    slides, number = [], 0
    for _ in range(count):
        number += 1 if chance.random() < 0.95 else 20
        meta = meta_of(number, partial=bool(chance.random() < 0.15))
        if chance.random() < 0.05:
            slides.append(slide_of(fleets=[fleet_of([], meta)]))
            continue
        bad, zone = chance.integers(0, 9), chance.integers(0, 9)
        hosts = [
            Host(
                f"h{n}",
                float(chance.poisson(0.2) + 200 * (n == bad) + 5 * (zone < 3 and n % 3 == zone)),
                zone=f"az{n % 3}",
                caller=f"c{n % 2}",
                caller_faults=float(200 * (n == bad and zone == 8)),
            )
            for n in range(30)
        ]
        values = {(f"c{n}",): float(chance.integers(0, 30)) for n in range(3)}
        slides.append(slide_of(fleets=[fleet_of(hosts, meta)], rules=[rule_of(values, meta)]))
    return slides


def test_a_restart_between_any_two_windows_changes_nothing(seed: int) -> None:
    slides = random_slides(seed, 150)
    evaluator = Evaluator(basic(max_alarms=6))
    whole = [evaluator.evaluate(slide) for slide in slides]
    assert {OK, PENDING, ALARM, LACKING} == {c.state for one in whole for c in one.changes}
    broken = Evaluator(basic(max_alarms=6))
    for slide, expected in zip(slides, whole, strict=True):
        raw = msgspec.msgpack.encode(broken.snapshot())
        broken = Evaluator(basic(max_alarms=6))
        broken.restore(msgspec.msgpack.decode(raw))
        assert expected == broken.evaluate(slide)


def test_every_change_leaves_the_state_that_the_last_one_reached(seed: int) -> None:
    evaluator = Evaluator(basic())
    state: dict[str, AlarmState] = {}
    for slide in random_slides(seed, 200):
        for change in evaluator.evaluate(slide).changes:
            assert state.get(change.alarm_id, OK) == change.previous
            assert change.state is not change.previous or change.state is ALARM
            state[change.alarm_id] = change.state
