"""One verdict for each window and alarm, and a shared cause reaches the decider at once."""

import msgspec
import numpy as np
import pytest

from detector.core.steady_time import SteadyTime
from detector.core.vocabulary import AlarmState, Culprit, Refusal
from detector.detection.alarms import AlarmChange
from detector.detection.evaluate import EvaluateConfig, Evaluator
from detector.tables.host_window import Slide
from detector.tables.reports import FleetWindow, Report
from tests.support.deciders import decider
from tests.support.deciding import OFF
from tests.support.detectors import only
from tests.support.windows import Host, fleet_of, meta_of, paned, peers, slide_of

ZONES = ("az1", "az2", "az3")
GRAY = Host("gray", 300.0, zone="az1")


def slide(number: int, hosts: list[Host]) -> Slide:
    window = fleet_of(hosts, meta_of(number))
    window.last_seen_ms[:] = window.meta.window.end_ms - 500
    return slide_of(fleets=[paned(window, (window.faults / 6).tolist())])


def well(faults: float = 1.0) -> list[Host]:
    return [host for zone in ZONES for host in peers(40, zone, faults)]


def run(hosts: list[Host], windows: int = 4) -> tuple[list[Report], list[AlarmChange]]:
    evaluator = Evaluator(EvaluateConfig())
    seen = [evaluator.evaluate(slide(number, hosts)) for number in range(windows)]
    return (
        [evaluation.reports[0] for evaluation in seen],
        [change for evaluation in seen for change in evaluation.changes],
    )


def test_a_healthy_window_has_no_verdict() -> None:
    reports, changes = run(well())
    assert ([None] * 4, []) == ([report.verdict for report in reports], changes)


@pytest.mark.parametrize(
    ("hosts", "kind", "named"),
    [
        ([GRAY, *well()], Culprit.HOST, ("az1/gray",)),
        (
            [*peers(40, "az1", 9.0), *peers(40, "az2", 0.1), *peers(40, "az3", 0.1)],
            Culprit.ZONE,
            ("az1",),
        ),
        (
            [
                Host("victim", 300.0, zone="az1", caller="poison", caller_faults=300.0),
                *(Host(f"h{n}", 1.0, caller="usual", caller_faults=1.0) for n in range(40)),
            ],
            Culprit.CALLER,
            ("poison",),
        ),
        ([Host("busy", 90.0, 90_000.0), *peers(10, faults=1.0)], Culprit.UNKNOWN, ("az1/busy",)),
        (
            [*(Host(f"b{n}", 500.0, zone=ZONES[n % 3]) for n in range(12)), *well()],
            Culprit.FLEET,
            (),
        ),
    ],
)
def test_reports_and_alarms_carry_one_verdict(
    hosts: list[Host], kind: Culprit, named: tuple[str, ...]
) -> None:
    reports, changes = run(hosts)
    verdict = reports[-1].verdict
    assert verdict is not None
    assert (kind, named) == (verdict.kind, verdict.named)
    raised = [change for change in changes if change.state is AlarmState.ALARM]
    assert raised
    assert {kind} == {change.verdict.kind for change in raised if change.verdict}
    assert msgspec.json.decode(msgspec.json.encode(reports[-1]), type=Report) == reports[-1]


def test_several_detectors_agree_in_one_verdict_and_in_one_decision() -> None:
    _, changes = run([GRAY, *well()])
    raised = [change for change in changes if change.state is AlarmState.ALARM]
    assert {"r66", "share", "sequential"} == {change.detector for change in raised}
    verdict = raised[-1].verdict
    assert verdict is not None
    assert ("r66", "sequential", "share") == verdict.detectors
    made = decider()
    for change in changes:
        made.observe(change)
    wall = changes[-1].changed_at / 1000 + 5.0
    [record] = made.decide(SteadyTime(wall, wall), OFF)
    assert record.action is not None
    assert "gray" == record.action.target.host


def test_when_the_guard_begins_to_hold_back_the_alarm_is_published_again_and_refused() -> None:
    """A gray host waits for its turn; then seven others fall ill with it."""
    evaluator, made = Evaluator(only("share", "guard")), decider()
    sick = [Host(f"b{n}", 500.0, zone=ZONES[n % 3]) for n in range(9)]
    published: list[AlarmChange] = []
    for number in range(5):
        hosts = [GRAY, *sick, *well()] if number == 4 else [GRAY, *well()]
        published += evaluator.evaluate(slide(number, hosts)).changes
    again = [c for c in published if c.contributor[-1] == "gray"][-1]
    assert (AlarmState.ALARM, AlarmState.ALARM, True) == (
        again.previous,
        again.state,
        again.evidence.fleet_event,
    )
    made.observe(again)
    wall = again.changed_at / 1000
    [record] = made.decide(SteadyTime(wall, wall), OFF)
    assert Refusal.TOO_MANY_SICK is record.decision.refusal


def test_a_hint_is_published_as_pending_and_fades() -> None:
    """Six faults in one pane point at the host, and nothing follows."""
    evaluator = Evaluator(only("sequential"))
    fleets: list[FleetWindow] = []
    for number in range(12):
        quiet = [Host("odd", 6.0 if number < 6 else 0.0, 600.0), *peers(99)]
        faults = np.zeros(100)
        faults[0] = 6.0 if number == 0 else 0.0
        fleets.append(paned(fleet_of(quiet, meta_of(number)), faults.tolist(), 100.0))
    states = [
        c.state for fleet in fleets for c in evaluator.evaluate(slide_of(fleets=[fleet])).changes
    ]
    assert [AlarmState.PENDING, AlarmState.OK] == states


def test_a_host_in_a_zone_that_stands_out_is_published_and_left_alone() -> None:
    """The host is far worse than the rest of its sick zone; the zone alarm is not raised yet."""
    zone = [*peers(40, "az1", 9.0), *peers(40, "az2", 0.1), *peers(40, "az3", 0.1)]
    evaluator, made = (
        Evaluator(only("share", "zone", windows_required=1, windows_seen=3)),
        decider(),
    )
    changes = evaluator.evaluate(slide(0, [Host("worst", 900.0, zone="az1"), *zone])).changes
    hosts = [c for c in changes if c.contributor == ("az1", "worst")]
    assert [Culprit.ZONE] == [c.verdict.kind for c in hosts if c.verdict]
    made.observe(hosts[0])
    wall = hosts[0].changed_at / 1000
    [record] = made.decide(SteadyTime(wall, wall), OFF)
    assert Refusal.ZONE_IMPAIRED is record.decision.refusal
    well_again = [Host("worst", 900.0, zone="az1"), *well(0.1)]
    [again] = [
        c
        for c in evaluator.evaluate(slide(1, well_again)).changes
        if c.contributor == ("az1", "worst")
    ]
    assert again.verdict is not None
    assert (AlarmState.ALARM, AlarmState.ALARM, Culprit.HOST) == (
        again.previous,
        again.state,
        again.verdict.kind,
    )
