"""Records that the decider and the actuator publish: decisions, actions and outcomes."""

import hashlib

import msgspec

from detector.core.vocabulary import ActionKind, Decision, Mode, OutcomeState, Refusal
from detector.detection.alarms import Target
from detector.detection.evidence_v1 import FlatEvidence

ACTION_SCHEMA = "detector.action.v1"
DECISION_SCHEMA = "detector.decision.v1"
OUTCOME_SCHEMA = "detector.outcome.v1"


class Check(msgspec.Struct, frozen=True):
    """One check of a chain: its name, whether it passed, what it saw and what it demanded."""

    name: str
    passed: bool
    saw: str
    demanded: str


class BudgetView(msgspec.Struct, frozen=True):
    """A fleet's budget when a decision is made: tokens before and after it, sizes in hosts."""

    scope: str
    tokens_before: float
    tokens_after: float
    capacity_used: int
    capacity_limit: int
    fleet_hosts: int
    fleet_size_source: str
    fleet_size_age_seconds: float


class Action(msgspec.Struct, frozen=True):
    """A record of the actions topic, keyed by target. Times are epoch seconds.

    ``id`` is derived from kind, rule, version, target and window end. Executors refuse an action
    before ``not_before``, after ``expires_at``, with an ``epoch`` lower than the highest seen, or
    in any ``mode`` but enforce. ``undo`` names the reverse action (empty when ``irreversible``).
    ``correlation`` holds the ids of the alarm, its change and the decision.
    """

    schema: str
    id: str
    kind: ActionKind
    target: Target
    mode: Mode
    reason: str
    evidence: FlatEvidence
    budget: BudgetView
    requested_at: float
    not_before: float
    expires_at: float
    effect_seconds: float
    undo: str
    irreversible: bool
    epoch: int
    correlation: dict[str, str]


class DecisionRecord(msgspec.Struct, frozen=True):
    """A record of the decisions topic: one decision with the whole chain of checks.

    ``id`` is the action's id followed by the number of the attempt.
    """

    schema: str
    id: str
    action_id: str
    kind: ActionKind
    target: Target | None
    verdict: Decision
    refusal: Refusal | None
    mode: Mode
    alarm_id: str
    decided_at: float
    epoch: int
    checks: tuple[Check, ...]
    evidence: FlatEvidence
    sentence: str


class Outcome(msgspec.Struct, frozen=True):
    """A record of the outcomes topic, keyed by action id.

    ``accepted`` is durable before the provider is called. ``effect_seconds`` is the action's: how
    long a shift keeps its zone away, counted from ``at`` of the ``accepted`` record.
    """

    schema: str
    action_id: str
    kind: ActionKind
    target: Target
    state: OutcomeState
    reason: str
    executor: str
    attempt: int
    at: float
    duration_seconds: float
    provider_reference: str
    epoch: int
    effect_seconds: float = 0.0


def action_id_of(kind: ActionKind, rule: str, version: str, target: Target, window_end: int) -> str:
    """Return the deterministic id of an action: 32 hexadecimal digits of a SHA-256."""
    parts = (kind.value, rule, version, target.key, str(window_end))
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
