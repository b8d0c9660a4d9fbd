"""The whole pipeline in one process: a gray host is replaced, a healthy fleet left alone."""

import random
from typing import Any

from detector.core.steady_time import SteadyTime
from detector.core.topics import Topics
from detector.core.vocabulary import ActionKind, AlarmState, Decision, Mode, Refusal
from detector.decisions.config import DecideConfig
from detector.decisions.kill_switch import ControlView
from detector.detection.evaluate import EvaluateConfig
from detector.ingest.tallying import TallySettings
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.pipeline import Detection
from detector.rules.rules import Filter, Operator, RuleSet
from detector.tables.tally import TallyLimits
from tests.builders import SHORT, START, TOPIC, Message, event, rule

SECONDS = 14
OFF = ControlView(known=True, engaged=False, reason="topics created", read_at=START / 1000)
FAULTY = Filter(("Faults",), Operator.GREATER_THAN, 0.0)


def detection(mode: Mode = Mode.ENFORCE) -> Detection:
    settings = TallySettings(
        rules=RuleSet((rule(filters=[FAULTY], value_of=["Faults"]),)),
        mapping=FieldMapping(),
        limits=DecodeLimits(),
        times=SHORT,
        tally_limits=TallyLimits(),
        topics=Topics(),
    )
    decide = DecideConfig(mode=mode, healthy_floor=0.5)
    return Detection(settings, EvaluateConfig(), decide, topic=TOPIC, partitions=2)


def logged(second: int, gray: str) -> list[Message]:
    """Return a second of 12 hosts in 3 zones, 20 requests each, one of them half broken."""
    chance = random.Random(second)
    found = []
    for number in range(12):
        host = f"h{number}"
        chance_of_fault = 0.5 if host == gray else 0.002
        faults = sum(chance.random() < chance_of_fault for _ in range(20))
        members: dict[str, Any] = {
            "AZ-ID": f"az{number % 3}",
            "InstanceId": host,
            "Caller": f"c{chance.randrange(5)}",
        }
        found.append(event(second * 1_000 + 500, Requests=20, Faults=faults, **members))
    return found


def run(pipeline: Detection, gray: str, control: ControlView = OFF) -> list[Any]:
    results: list[Any] = []
    for second in range(SECONDS):
        now = START / 1000 + second + 1
        lines = logged(second, gray)
        pipeline.feed(0, lines[::2], now)
        pipeline.feed(1, lines[1::2], now)
        results += pipeline.tick(SteadyTime(now, float(second)), control)
    return results


def test_one_gray_host_is_found_confirmed_and_replaced_once() -> None:
    pipeline = detection()
    (result,) = run(pipeline, "h5")
    assert Decision.GRANTED is result.decision.verdict
    assert (ActionKind.REPLACE_HOST, "h5", "az2") == (
        result.action.kind, result.action.target.host, result.action.target.zone,
    )  # fmt: skip
    alarms = {change.subject for change in pipeline.changes if change.state is AlarmState.ALARM}
    assert {"fleet:checkout", "rule:faults-by-host"} == alarms


def test_a_healthy_fleet_has_reports_and_no_decisions() -> None:
    pipeline = detection()
    assert [] == run(pipeline, "nobody")
    fleet = [report for report in pipeline.reports if report.subject == "fleet:checkout"]
    assert {3 * 12 * 20.0} == {report.totals["requests"] for report in fleet[2:-2]}


def test_in_observe_mode_the_same_is_decided_and_no_action_is_published() -> None:
    (result,) = run(detection(Mode.OBSERVE), "h5")
    assert Decision.OBSERVED is result.decision.verdict
    assert result.action is None


def test_while_the_kill_switch_is_unknown_the_same_is_refused() -> None:
    (result,) = run(detection(), "h5", ControlView.unknown("not read"))
    assert (Decision.REFUSED, Refusal.KILL_SWITCH) == (
        result.decision.verdict, result.decision.refusal,
    )  # fmt: skip


def test_unreadable_records_come_back_and_change_nothing_else() -> None:
    pipeline = detection()
    result = pipeline.feed(0, [Message(b"no json", START)], START / 1000)
    assert ["bad_json"] == [refused.reason.value for _, refused in result.dead]
