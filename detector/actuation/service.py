"""Executes actions: writes the acceptance, calls the provider once, writes the outcome.

Law: the acceptance is in the journal before the provider is called, and an acceptance whose end is
not in the journal is recorded as interrupted, never repeated. Two concurrent owners cannot both
execute an action: its first acceptance in the journal wins, and the other owner gets an error.
"""

from collections.abc import Callable

from detector.actuation.admission import (
    Accept,
    Admission,
    Head,
    Ignore,
    Refuse,
    interrupted,
    outcome_of,
)
from detector.actuation.ports import Executor, OutcomeJournal
from detector.core.errors import DetectorError, ExecutorError
from detector.core.notices import KillSwitchRead, NoticeListener, OutcomeRecorded
from detector.core.steady_time import SteadyTime
from detector.core.vocabulary import OutcomeState
from detector.decisions.actions import Action, Outcome
from detector.decisions.kill_switch import ControlView

CRASH_POINTS = ("before_accepted", "after_accepted", "after_execute", "after_outcome")


class AlreadyAcceptedError(DetectorError):
    """Another owner's acceptance of the same action precedes ours in the journal."""


class ActuationService:
    """An owner of the actions topic. ``unreadable`` and ``duplicates`` count ignored records."""

    def __init__(
        self,
        *,
        admission: Admission,
        executor: Executor,
        journal: OutcomeJournal,
        control: Callable[[], ControlView],
        clock: Callable[[], SteadyTime],
        notify: NoticeListener = lambda _: None,
        crash_point: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._admission = admission
        self._executor = executor
        self._journal = journal
        self._control = control
        self._clock = clock
        self._notify = notify
        self._crash_point = crash_point
        self.unreadable = 0
        self.duplicates = 0

    async def start(self) -> list[Outcome]:
        """Record as interrupted what an earlier owner left open; call once before ``handle``."""
        left = [interrupted(o, self._clock().wall) for o in self._admission.unfinished()]
        for outcome in left:
            await self._record(outcome)
        return left

    async def handle(self, raw: bytes) -> Outcome | None:
        """Process one record of the actions topic and return its outcome.

        ``None`` if there is nothing to record: a duplicate, or no action. The record may be
        acknowledged when this returns.
        """
        control = self._view()
        result = self._admission.check(raw, self._clock(), control)
        if isinstance(result, Ignore):
            self.duplicates += result.duplicate
            self.unreadable += not result.duplicate
            return None
        if isinstance(result, Refuse):
            return await self._refuse(result)
        return await self._carry_out(result)

    async def _carry_out(self, accepted: Accept) -> Outcome | None:
        action = accepted.action
        self._crash_point("before_accepted")
        try:
            await self._record(self._outcome(action, OutcomeState.ACCEPTED))
        except AlreadyAcceptedError:
            self.duplicates += 1
            return None
        self._crash_point("after_accepted")
        # Writing may have taken long: by now the kill switch may be on, the action expired, or
        # another owner's shift may precede this one in the journal.
        if (
            refusal := self._admission.check_again(action, self._clock(), self._view())
        ) is not None:
            return await self._refuse(refusal)
        outcome = await self._execute(action)
        self._crash_point("after_execute")
        await self._record(outcome)
        self._crash_point("after_outcome")
        return outcome

    async def _execute(self, action: Action) -> Outcome:
        begun = self._clock().monotonic
        try:
            reference = await self._executor.execute(action)
        except ExecutorError as error:
            return self._outcome(action, OutcomeState.FAILED, reason=str(error), begun=begun)
        except Exception as error:  # noqa: BLE001 - whatever a provider's client raises is an outcome
            reason = f"executor failed with {type(error).__name__}"
            return self._outcome(action, OutcomeState.FAILED, reason=reason, begun=begun)
        return self._outcome(action, OutcomeState.SUCCEEDED, reference=reference, begun=begun)

    async def _refuse(self, refusal: Refuse) -> Outcome:
        outcome = outcome_of(
            refusal.head,
            refusal.state,
            executor=self._executor.name,
            at=self._clock().wall,
            reason=f"{refusal.refusal.value}: {refusal.detail}",
        )
        await self._record(outcome)
        return outcome

    def _outcome(
        self,
        action: Action,
        state: OutcomeState,
        *,
        reason: str = "",
        reference: str = "",
        begun: float | None = None,
    ) -> Outcome:
        now = self._clock()
        return outcome_of(
            Head.of(action),
            state,
            executor=self._executor.name,
            at=now.wall,
            reason=reason,
            duration_seconds=0.0 if begun is None else max(0.0, now.monotonic - begun),
            provider_reference=reference,
        )

    async def _record(self, outcome: Outcome) -> None:
        await self._journal.append(outcome, self._admission.learn)
        self._admission.learn(outcome)
        self._notify(
            OutcomeRecorded(
                outcome.kind,
                outcome.state,
                outcome.action_id,
                outcome.reason,
                outcome.duration_seconds,
            )
        )

    def _view(self) -> ControlView:
        control = self._control()
        self._notify(KillSwitchRead(control.engaged, control.known))
        return control
