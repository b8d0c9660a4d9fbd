"""Admission of actions before execution: the last check, independent of the decider's.

Law: an action is accepted at most once, no matter who sends it and how often; anything that is not
certainly valid is refused. All state is in the journal of outcomes: a new owner that has read it
knows what the previous owner knew.

At most one zone is away here too, whatever the decider assumes: a decider that was replaced without
noticing and its successor may each grant a shift that the other has not seen, and only the journal
of outcomes shows both. A shift counts from its acceptance to its end, unless the provider was
certainly not called.

Known limits: the newest 100,000 action ids are remembered. The local budget is rebuilt from the
times in the journal, so a jump of the wall clock in there counts as time; the decider's budgets,
which are checked first, do not have this limit. Time without a running actuator refills no budget
and ends no shift.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import msgspec

from detector.core.steady_time import SteadyTime
from detector.core.vocabulary import ActionKind, Mode, OutcomeState
from detector.decisions.actions import ACTION_SCHEMA, OUTCOME_SCHEMA, Action, Outcome
from detector.decisions.budgets import BucketLimits, SteadyClock, TokenBucket
from detector.decisions.checks import target_fault
from detector.decisions.kill_switch import ControlView
from detector.decisions.zones import Shift, ShiftsInForce
from detector.detection.alarms import Target

REMEMBERED_IDS = 100_000
MAX_ACTION_BYTES = 1_000_000
NOBODY = Target("", "", "", "")


class AdmissionRefusal(StrEnum):
    """Why an action is refused before execution; the outcome's reason begins with it."""

    UNREADABLE = "unreadable"
    UNKNOWN_SCHEMA = "unknown_schema"
    BAD_TARGET = "bad_target"
    NOT_ENFORCED = "not_enforced"
    OLDER_EPOCH = "older_epoch"
    TOO_EARLY = "too_early"
    EXPIRED = "expired"
    KILL_SWITCH = "kill_switch"
    ANOTHER_ZONE_IS_AWAY = "another_zone_is_away"
    LOCAL_BUDGET_SPENT = "local_budget_spent"


class Head(msgspec.Struct, frozen=True):
    """The members that an action needs so that its refusal can be recorded."""

    id: str
    kind: ActionKind
    target: Target = NOBODY
    epoch: int = 0
    effect_seconds: float = 0.0

    @staticmethod
    def of(action: Action) -> "Head":
        """Return the head of a complete action."""
        return Head(action.id, action.kind, action.target, action.epoch, action.effect_seconds)


@dataclass(frozen=True, slots=True)
class Accept:
    """The action may be executed once its acceptance is durable."""

    action: Action


@dataclass(frozen=True, slots=True)
class Refuse:
    """The action must not be executed; ``detail`` says what was found."""

    head: Head
    refusal: AdmissionRefusal
    detail: str

    @property
    def state(self) -> OutcomeState:
        """The outcome that records it."""
        return (
            OutcomeState.EXPIRED
            if self.refusal is AdmissionRefusal.EXPIRED
            else OutcomeState.REFUSED
        )


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing to record: the action was seen before (``duplicate``), or the record is no action."""

    duplicate: bool
    detail: str


AdmissionResult = Accept | Refuse | Ignore


class Admission:
    """The state of every action so far, and the check of the next one."""

    def __init__(
        self,
        journal: Iterable[Outcome] = (),
        *,
        budget: BucketLimits,
        clock_tolerance_seconds: float = 5.0,
    ) -> None:
        self._states: dict[str, OutcomeState] = {}
        self._open: dict[str, Outcome] = {}
        self._away: dict[str, Shift] = {}
        self._epoch = 0
        self._bucket = TokenBucket(budget)
        self._tolerance = clock_tolerance_seconds
        self._clock = SteadyClock()
        for outcome in journal:
            self._clock.read(SteadyTime(outcome.at, outcome.at))
            self.learn(outcome)
        # From here on the clock of this process counts; the time since the journal's end does not.
        self._clock = SteadyClock(self._clock.seconds)

    @property
    def epoch(self) -> int:
        """The highest epoch seen."""
        return self._epoch

    def learn(self, outcome: Outcome) -> None:
        """Apply an outcome that is durable in the journal."""
        self._epoch = max(self._epoch, outcome.epoch)
        known = self._states.get(outcome.action_id)
        if outcome.state is OutcomeState.ACCEPTED:
            if known is not None:
                return
            self._open[outcome.action_id] = outcome
            now = self._clock.seconds
            if level := self._bucket.level(now):
                self._bucket.spend(min(1.0, level), now)
            if outcome.kind is ActionKind.SHIFT_AWAY:
                until = now + outcome.effect_seconds
                goal = outcome.target
                self._away[outcome.action_id] = Shift(goal.zone, goal.service, until)
        else:
            self._open.pop(outcome.action_id, None)
            if outcome.state in {OutcomeState.REFUSED, OutcomeState.EXPIRED}:
                self._away.pop(outcome.action_id, None)
        self._states[outcome.action_id] = outcome.state
        if len(self._states) > REMEMBERED_IDS:
            del self._states[next(iter(self._states))]

    def unfinished(self) -> list[Outcome]:
        """Return acceptances without an end: perhaps executed, never to be repeated."""
        return list(self._open.values())

    def check(self, raw: bytes, now: SteadyTime, control: ControlView) -> AdmissionResult:
        """Decide whether one record of the actions topic is accepted, refused or ignored."""
        steady = self._clock.read(now)
        head = _decoded(raw, Head)
        if isinstance(head, str):
            return Ignore(duplicate=False, detail=head)
        if head.id in self._states:
            return Ignore(duplicate=True, detail=head.id)
        action = _decoded(raw, Action)
        if isinstance(action, str):
            return Refuse(head, AdmissionRefusal.UNREADABLE, action)
        refusal = self._identity_refusal(head, action) or self._moment_refusal(
            head, action, now.wall, control
        )
        refusal = refusal or self._zone_refusal(head, action, steady)
        if refusal is not None:
            return refusal
        level = self._bucket.level(steady)
        if level < 1.0:
            return Refuse(head, AdmissionRefusal.LOCAL_BUDGET_SPENT, f"{level:.2f} tokens of 1")
        return Accept(action)

    def check_again(self, action: Action, now: SteadyTime, control: ControlView) -> Refuse | None:
        """Return a refusal if an action became invalid while its acceptance was being written."""
        head = Head.of(action)
        return self._moment_refusal(head, action, now.wall, control) or self._zone_refusal(
            head, action, self._clock.read(now)
        )

    def _zone_refusal(self, head: Head, action: Action, steady: float) -> Refuse | None:
        self._away = {name: shift for name, shift in self._away.items() if shift.until > steady}
        others = ShiftsInForce(tuple(self._away.values())).others(action.target.zone)
        if action.kind is not ActionKind.SHIFT_AWAY or not others:
            return None
        return Refuse(head, AdmissionRefusal.ANOTHER_ZONE_IS_AWAY, ", ".join(others))

    def _identity_refusal(self, head: Head, action: Action) -> Refuse | None:
        if action.schema != ACTION_SCHEMA:
            detail = f"found {action.schema!r}, expected {ACTION_SCHEMA!r}"
            return Refuse(head, AdmissionRefusal.UNKNOWN_SCHEMA, detail)
        if fault := target_fault(action.kind, action.target):
            return Refuse(head, AdmissionRefusal.BAD_TARGET, fault)
        if action.kind is ActionKind.SHIFT_AWAY and not action.effect_seconds > 0:
            detail = f"effect_seconds {action.effect_seconds:g}, a shift must end: expected above 0"
            return Refuse(head, AdmissionRefusal.UNREADABLE, detail)
        if action.mode is not Mode.ENFORCE:
            return Refuse(head, AdmissionRefusal.NOT_ENFORCED, f"mode {action.mode.value}")
        if action.epoch < self._epoch:
            detail = f"epoch {action.epoch}, newest seen {self._epoch}"
            return Refuse(head, AdmissionRefusal.OLDER_EPOCH, detail)
        self._epoch = action.epoch
        return None

    def _moment_refusal(
        self, head: Head, action: Action, wall: float, control: ControlView
    ) -> Refuse | None:
        if not control.allows:
            detail = f"{control.state}: {control.reason}"
            return Refuse(head, AdmissionRefusal.KILL_SWITCH, detail)
        early = action.not_before - wall
        if not early <= self._tolerance:
            return Refuse(head, AdmissionRefusal.TOO_EARLY, f"{early:.1f} s before not_before")
        if not wall < action.expires_at:
            late = wall - action.expires_at
            return Refuse(head, AdmissionRefusal.EXPIRED, f"{late:.1f} s after expires_at")
        return None


def outcome_of(
    head: Head,
    state: OutcomeState,
    *,
    executor: str,
    at: float,
    reason: str = "",
    duration_seconds: float = 0.0,
    provider_reference: str = "",
) -> Outcome:
    """Return the outcome of the action of ``head`` at epoch second ``at``."""
    return Outcome(
        schema=OUTCOME_SCHEMA,
        action_id=head.id,
        kind=head.kind,
        target=head.target,
        state=state,
        reason=reason,
        executor=executor,
        attempt=1,
        at=at,
        duration_seconds=duration_seconds,
        provider_reference=provider_reference,
        epoch=head.epoch,
        effect_seconds=head.effect_seconds,
    )


def interrupted(accepted: Outcome, at: float) -> Outcome:
    """Return the outcome of an accepted action without a known end, which is not repeated."""
    return msgspec.structs.replace(
        accepted,
        state=OutcomeState.INTERRUPTED,
        reason="the executor stopped between accepting and recording the end; look at the target",
        at=at,
    )


_Struct = TypeVar("_Struct", Head, Action)


def _decoded(raw: bytes, kind: type[_Struct]) -> _Struct | str:
    if len(raw) > MAX_ACTION_BYTES:
        return f"{len(raw)} bytes, expected at most {MAX_ACTION_BYTES}"
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return str(error)
