"""A raised alarm is published again with fresh evidence, so a refusal need not be final."""

from collections.abc import Sequence

import pytest

from detector.core.steady_time import SteadyTime
from detector.core.vocabulary import AlarmMode, AlarmState, Decision, Mode
from detector.decisions.budgets import CapacityLimits
from detector.decisions.decide import DecideConfig, Decider
from detector.decisions.kill_switch import ControlView
from detector.detection.alarms import AlarmChange
from detector.detection.evaluate import Evaluator
from detector.tables.reports import FleetWindow
from tests.support.detectors import basic
from tests.support.windows import EPOCH, PANE, Host, fleet_of, meta_of, peers, rule_of, slide_of

OFF = ControlView(known=True, engaged=False, reason="", read_at=0.0)
FIFTEEN_MINUTES = 90


def gray(number: int, service: str = "checkout", missing: Sequence[str] = ()) -> FleetWindow:
    """One sick host among two hundred."""
    hosts = [Host("gray", 300.0), *peers(199)]
    return fleet_of(hosts, meta_of(number, missing=missing), service)


def published(
    evaluator: Evaluator, windows: Sequence[FleetWindow]
) -> list[tuple[int, AlarmChange]]:
    return [
        (number, change)
        for number, window in enumerate(windows)
        for change in evaluator.evaluate(slide_of(fleets=[window])).changes
    ]


def test_a_confirmed_alarm_is_published_every_five_minutes_with_evidence_of_that_window() -> None:
    changes = published(Evaluator(basic()), [gray(n) for n in range(FIFTEEN_MINUTES)])
    alarms = [(n, change) for n, change in changes if change.state is AlarmState.ALARM]
    assert [2, 32, 62] == [n for n, _ in alarms]
    assert [AlarmState.PENDING, AlarmState.ALARM, AlarmState.ALARM] == [
        change.previous for _, change in alarms
    ]
    for number, change in alarms:
        assert EPOCH + number * PANE == change.changed_at == change.evidence.window_end
        assert change.evidence.confirmed
    assert 3 == len({change.id for _, change in alarms})


def test_the_interval_survives_a_restart() -> None:
    before = Evaluator(basic())
    published(before, [gray(n) for n in range(20)])
    after = Evaluator(basic())
    after.restore(before.snapshot())
    assert [12] == [n for n, _ in published(after, [gray(n) for n in range(20, 40)])]


def test_an_alarm_that_asks_for_nothing_is_published_once() -> None:
    """Rules name no target, and what the share test does not confirm leads to no action."""
    evaluator = Evaluator(basic())
    for number in range(FIFTEEN_MINUTES):
        rule = rule_of({("poison",): 300.0, ("b",): 1.0}, meta_of(number))
        changes = evaluator.evaluate(slide_of(rules=[rule])).changes
        assert (number in {0, 2}) == bool(changes)
    classic = Evaluator(basic(default_mode=AlarmMode.CLASSIC))
    lone = [fleet_of([Host("a", 1.0), *peers(20)], meta_of(n)) for n in range(FIFTEEN_MINUTES)]
    assert [0] == [n for n, _ in published(classic, lone)]


def test_nothing_is_restated_of_a_window_that_lacks_a_partition() -> None:
    """Evidence that could lead to an action is of a whole window, or it is not published."""
    windows = [gray(n, missing=["logs/1"] if n in {32, 33} else ()) for n in range(40)]
    changes = published(Evaluator(basic()), windows)
    assert [0, 2, 34] == [n for n, _ in changes]
    assert changes[-1][1].evidence.complete


@pytest.mark.parametrize(("restate", "granted_at"), [(300.0, True), (3_600.0, False)])
def test_what_found_no_budget_is_granted_once_the_bucket_has_refilled(
    restate: float, granted_at: bool
) -> None:
    """Three sick fleets and two tokens, refilled in 20 minutes: evidence lasts for 10."""
    evaluator = Evaluator(basic(restate_seconds=restate))
    base = DecideConfig()
    decider = Decider(
        DecideConfig(
            mode=Mode.ENFORCE,
            capacity=CapacityLimits(0.5),
            global_bucket=type(base.global_bucket)(2.0, 1 / 1_200),
        )
    )
    decider.take_epoch()
    granted: list[tuple[int, str]] = []
    for number in range(150):
        fleets = [gray(number, service) for service in ("a", "b", "c")]
        for change in evaluator.evaluate(slide_of(fleets=fleets)).changes:
            decider.observe(change)
        wall = EPOCH / 1000 + number * PANE / 1000 + 11.0
        records = decider.decide(SteadyTime(wall, wall), OFF)
        granted += [
            (number, r.decision.target.service)
            for r in records
            if r.decision.verdict is Decision.GRANTED and r.decision.target is not None
        ]
    assert [(2, "a"), (2, "b")] == granted[:2]
    assert granted_at == bool(granted[2:])
    assert all((service, 122) == ("c", number) for number, service in granted[2:])
