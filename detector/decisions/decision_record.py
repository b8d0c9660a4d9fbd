"""Builds the decision record with its whole chain and, if granted to enforce, the action.

Law: an action is created only together with the granted decision that it belongs to.
"""

from dataclasses import dataclass

from detector.core.vocabulary import ActionKind, Decision, Mode
from detector.decisions.actions import (
    ACTION_SCHEMA,
    DECISION_SCHEMA,
    Action,
    BudgetView,
    Check,
    DecisionRecord,
    action_id_of,
)
from detector.decisions.candidates import Candidate
from detector.decisions.checks import CheckInput, first_refusal
from detector.decisions.config import DecideConfig
from detector.detection.alarms import Target
from detector.detection.evidence_v1 import flat_evidence

_ACTION_TEXTS = {
    ActionKind.REPLACE_HOST: "replace host",
    ActionKind.SHIFT_AWAY: "shift away from zone",
}


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """One decision, and the action that it grants (``None`` unless granted)."""

    decision: DecisionRecord
    action: Action | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionContext:
    """What a decision depends on besides its candidate; ``wall`` is now in epoch seconds."""

    config: DecideConfig
    epoch: int
    wall: float
    budget: BudgetView


def budget_view(check_input: CheckInput, config: DecideConfig) -> BudgetView:
    """Return the fleet's budget as the chain sees it, and as it is after a grant."""
    target, evidence = check_input.change.target, check_input.change.evidence
    return BudgetView(
        scope=f"fleet:{target.service}" if target else "",
        tokens_before=check_input.fleet_tokens,
        tokens_after=max(0.0, check_input.fleet_tokens - 1.0),
        capacity_used=check_input.removed_fleet,
        capacity_limit=config.capacity.fleet_limit(evidence.fleet_hosts),
        fleet_hosts=evidence.fleet_hosts,
        fleet_size_source="hosts heard in the window",
        fleet_size_age_seconds=check_input.age_seconds,
    )


def candidate_action_id(candidate: Candidate) -> str:
    """Return the id of the action that the candidate asks for, with or without a target."""
    change = candidate.change
    target = change.target or Target(change.alarm_id, "", "", "")
    end = change.evidence.window_end
    return action_id_of(candidate.kind, change.rule, change.rule_version, target, end)


def decision_of(checks: tuple[Check, ...], mode: Mode) -> Decision:
    """Return the decision that the chain gives in ``mode``."""
    if first_refusal(checks) is not None:
        return Decision.REFUSED
    return Decision.GRANTED if mode is Mode.ENFORCE else Decision.OBSERVED


def make_decision(
    candidate: Candidate, checks: tuple[Check, ...], context: DecisionContext
) -> DecisionResult:
    """Return the decision record, and the action if it is granted."""
    change, mode = candidate.change, context.config.mode
    action_id = candidate_action_id(candidate)
    decision = DecisionRecord(
        schema=DECISION_SCHEMA,
        id=f"{action_id}-{candidate.attempts + 1}",
        action_id=action_id,
        kind=candidate.kind,
        target=change.target,
        verdict=decision_of(checks, mode),
        refusal=first_refusal(checks),
        mode=mode,
        alarm_id=change.alarm_id,
        decided_at=context.wall,
        epoch=context.epoch,
        checks=checks,
        evidence=flat_evidence(change.evidence),
        sentence=_sentence(candidate, checks, mode),
    )
    if decision.verdict is not Decision.GRANTED or change.target is None:
        return DecisionResult(decision, None)
    return DecisionResult(decision, _action(decision, change.target, candidate, context))


def _action(
    decision: DecisionRecord, target: Target, candidate: Candidate, context: DecisionContext
) -> Action:
    shifts = candidate.kind is ActionKind.SHIFT_AWAY
    return Action(
        schema=ACTION_SCHEMA,
        id=decision.action_id,
        kind=candidate.kind,
        target=target,
        mode=decision.mode,
        reason=candidate.change.sentence,
        evidence=flat_evidence(candidate.change.evidence),
        budget=context.budget,
        requested_at=context.wall,
        not_before=context.wall,
        expires_at=context.wall + context.config.action_expires_seconds,
        effect_seconds=context.config.shift_seconds if shifts else 0.0,
        undo="end_shift" if shifts else "",
        irreversible=not shifts,
        epoch=context.epoch,
        correlation={
            "alarm_id": candidate.change.alarm_id,
            "alarm_change_id": candidate.change.id,
            "decision_id": decision.id,
        },
    )


def _sentence(candidate: Candidate, checks: tuple[Check, ...], mode: Mode) -> str:
    change, target = candidate.change, candidate.change.target
    named = (target.host or target.zone) if target else "nothing"
    place = f"{named} of {target.service} in {target.zone}" if target else named
    excess = change.evidence.excess_faults
    text = f"{_ACTION_TEXTS[candidate.kind]} {place}: {excess:.0f} excess faults"
    failed = next((check for check in checks if not check.passed), None)
    if failed is not None:
        return f"refused to {text}; {failed.name}: saw {failed.saw}, demanded {failed.demanded}"
    return f"{decision_of(checks, mode).value} to {text}"
