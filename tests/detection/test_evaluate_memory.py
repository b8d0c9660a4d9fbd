"""Detectors that remember go on after a restart as if there had been none, and switches hold."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
import pytest

from detector.core.vocabulary import ActionKind, AlarmState, Switch
from detector.detection.alarms import AlarmChange
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.evaluate import EvaluateConfig, Evaluator
from detector.detection.evidence import CallerFaults
from detector.detection.findings import Contributor, DetectorRole, Finding, evidence_of
from detector.detection.persistence import Persistence
from detector.tables.host_window import Slide
from tests.support.detectors import measured
from tests.support.windows import Host, fleet_of, meta_of, peers, slide_of


class Adder:
    """Adds the faults of all windows up and raises the alarm above 10."""

    name = "adder"
    action = ActionKind.REPLACE_HOST
    role = DetectorRole.HOST

    def __init__(self) -> None:
        self.total = 0.0

    def persistence(self, subject: str) -> Persistence | None:
        return Persistence(1, 1)

    def who(self, contributor: Contributor) -> str:
        return contributor[0]

    def examine(
        self, view: FleetView, asked: Collection[Contributor]
    ) -> Mapping[Contributor, Finding]:
        self.total += view.total
        measure = CallerFaults(self.total, self.total, 1.0, 0.0)
        evidence = evidence_of(view.window.meta, measure, confirmed=True)
        return {("sum",): Finding(self.total > 10.0, None, evidence, f"{self.total:g}")}

    def snapshot(self) -> Any:
        return [self.total]

    def restore(self, plain: Any) -> None:
        (self.total,) = plain


def slides(count: int) -> list[Slide]:
    return [
        slide_of(fleets=[fleet_of([Host("h", 3.0), *peers(3)], meta_of(number))])
        for number in range(count)
    ]


def changes_of(evaluator: Evaluator, seen: list[Slide]) -> list[AlarmChange]:
    return [change for slide in seen for change in evaluator.evaluate(slide).changes]


def evaluator(switch: Switch = Switch.ON) -> Evaluator:
    return Evaluator(EvaluateConfig(switches={"adder": switch}), [Adder()])


@pytest.mark.parametrize("cut", range(7))
def test_a_restart_at_any_window_changes_nothing(cut: int) -> None:
    whole = evaluator()
    expected = changes_of(whole, slides(6))
    first, second = evaluator(), evaluator()
    told = changes_of(first, slides(6)[:cut])
    second.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(first.snapshot())))
    told += changes_of(second, slides(6)[cut:])
    assert expected == told
    assert whole.snapshot() == second.snapshot()
    assert [(AlarmState.ALARM, 12.0)] == [
        (c.state, measured(c.evidence, CallerFaults).faults) for c in expected
    ]


def test_a_record_without_memories_is_read_and_the_detector_begins_anew() -> None:
    first = evaluator()
    changes_of(first, slides(2))
    snapshot = first.snapshot()
    del snapshot["memories"]
    second = evaluator()
    second.restore(snapshot)
    assert {"adder": [0.0]} == second.snapshot()["memories"]


def test_a_detector_that_is_off_is_not_asked_and_remembers_nothing() -> None:
    first = evaluator()
    assert changes_of(first, slides(6))
    off = evaluator(Switch.OFF)
    off.restore(first.snapshot())
    (change,) = changes_of(off, slides(7)[6:])
    assert (AlarmState.INSUFFICIENT_DATA, {}) == (change.state, off.snapshot()["memories"])


def test_in_shadow_an_alarm_is_told_as_such_and_asks_for_nothing() -> None:
    (change,) = changes_of(evaluator(Switch.SHADOW), slides(6))
    assert (AlarmState.ALARM, True, None, False) == (
        change.state,
        change.shadow,
        change.action,
        change.evidence.confirmed,
    )
    assert change.sentence.startswith("shadow: 12; ")
