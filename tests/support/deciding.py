"""Builders for tests of deciding and acting: a test states only what matters to it."""

from typing import Any

import msgspec

from detector.actuation.admission import Head, outcome_of
from detector.core.steady_time import SteadyTime
from detector.core.vocabulary import ActionKind, AlarmState, Mode, OutcomeState
from detector.decisions.actions import ACTION_SCHEMA, Action, BudgetView, Outcome
from detector.decisions.kill_switch import ControlView
from detector.detection.alarms import ALARM_SCHEMA, AlarmChange, Target
from detector.detection.evidence import Evidence
from detector.detection.evidence_v1 import flat_evidence, lift_evidence

START = 1_800_000_000.0
OFF = ControlView(known=True, engaged=False, reason="topics created", read_at=START)
ON = ControlView(known=True, engaged=True, reason="drill", read_at=START)
UNKNOWN = ControlView.unknown("control topic last read 9.0 s ago")


def at(seconds: float = 0.0, wall_jump: float = 0.0) -> SteadyTime:
    """Return the moment ``seconds`` after the start, on a wall clock set forward by a jump."""
    return SteadyTime(START + seconds + wall_jump, 1_000.0 + seconds)


def evidence(**changed: Any) -> Evidence:
    """Return evidence of one confirmed sick host in a fleet of 120 in 3 zones, ended at START."""
    end = round(START * 1000)
    plain: dict[str, Any] = {
        "window_start": end - 60_000,
        "window_end": end,
        "total": 100.0,
        "value": 80.0,
        "share": 0.8,
        "threshold": 0.66,
        "runner_up": ("az1", "h2"),
        "runner_up_share": 0.01,
        "requests": 1_000.0,
        "sample_count": 100.0,
        "p_value": 1e-12,
        "rate_ratio": 30.0,
        "excess_faults": 78.0,
        "peers": 119,
        "fleet_hosts": 120,
        "zone_hosts": 40,
        "zones": 3,
        "suspects": 1,
        "windows_met": 3,
        "windows_seen": 5,
        "complete": True,
        "partial": False,
        "missing_partitions": (),
        "confirmed": True,
    }
    return msgspec.convert(lift_evidence(plain | changed, "r66", "fleet:checkout"), Evidence)


def target(host: str = "h1", zone: str = "az1", service: str = "checkout") -> Target:
    """Return a host, or with an empty ``host`` a zone."""
    return Target(service, zone, zone, f"name-of-{zone}", host)


def change(
    goal: Target | None = None,
    *,
    state: AlarmState = AlarmState.ALARM,
    seconds: float = 0.0,
    change_id: str | None = None,
    alarm_id: str | None = None,
    action: ActionKind | None = ActionKind.REPLACE_HOST,
    **numbers: Any,
) -> AlarmChange:
    """Return a change of a host's alarm whose window ended ``seconds`` after the start."""
    aim = goal if goal is not None else target()
    end = round((START + seconds) * 1000)
    alarm = alarm_id or f"alarm of {aim.key}"
    return AlarmChange(
        schema=ALARM_SCHEMA,
        id=change_id or f"{alarm}/{state.value}/{end}",
        alarm_id=alarm,
        detector="r66",
        subject=f"fleet:{aim.service}",
        rule="fleet",
        rule_version="1",
        contributor=(aim.zone, aim.host),
        previous=AlarmState.PENDING,
        state=state,
        changed_at=end,
        target=aim,
        action=action,
        evidence=evidence(**({"window_end": end, "window_start": end - 60_000} | numbers)),
        sentence=f"{aim.host or aim.zone} owns the faults",
    )


def without_target(of: AlarmChange) -> AlarmChange:
    """Return the same change of an alarm that names no target."""
    return msgspec.structs.replace(of, target=None)


def zone_change(
    zone: str = "az1", service: str = "checkout", *, seconds: float = 0.0, **numbers: Any
) -> AlarmChange:
    """Return a zone alarm that asks to shift ``service`` away from ``zone``."""
    aim = target("", zone, service)
    wanted: dict[str, Any] = {"excess_faults": 500.0} | numbers
    return change(aim, seconds=seconds, action=ActionKind.SHIFT_AWAY, **wanted)


def action(action_id: str = "a1", goal: Target | None = None, **changed: Any) -> Action:
    """Return an action to replace a host, valid from START for 600 s."""
    aim = goal if goal is not None else target()
    budget = BudgetView("fleet:checkout", 2.0, 1.0, 0, 1, 120, "hosts heard in the window", 1.0)
    plain: dict[str, Any] = {
        "schema": ACTION_SCHEMA,
        "id": action_id,
        "kind": ActionKind.REPLACE_HOST,
        "target": aim,
        "mode": Mode.ENFORCE,
        "reason": "h1 owns the faults",
        "evidence": flat_evidence(evidence()),
        "budget": budget,
        "requested_at": START,
        "not_before": START,
        "expires_at": START + 600.0,
        "effect_seconds": 0.0,
        "undo": "",
        "irreversible": True,
        "epoch": 1,
        "correlation": {"alarm_id": "alarm", "decision_id": f"{action_id}-1"},
    }
    return Action(**(plain | changed))


def shift(action_id: str, zone: str, **changed: Any) -> Action:
    """Return an action to shift away from ``zone`` for an hour."""
    plain: dict[str, Any] = {"kind": ActionKind.SHIFT_AWAY, "effect_seconds": 3_600.0}
    return action(action_id, target("", zone), **(plain | changed))


def outcome(
    action_id: str,
    state: OutcomeState,
    *,
    seconds: float = 0.0,
    epoch: int = 1,
    of: Action | None = None,
) -> Outcome:
    """Return an outcome of an action (``of``), by default one on the usual target."""
    head = Head(action_id, ActionKind.REPLACE_HOST, target(), epoch)
    head = Head.of(of) if of is not None else head
    return outcome_of(head, state, executor="dry-run", at=START + seconds)
