"""Durable decisions: reads changes of alarms, publishes decisions and actions, survives crashes.

Law: the state record is written first, together with the records to publish (the outbox); then
decisions and actions are published; then the changes are acknowledged. After a crash the outbox of
the last record is published again with the same ids, and consumers keep the first of each.

Theory of operation: the caller acknowledges the changes when ``apply`` returns. After any failure
the service is unusable until ``recover`` has read the last durable record, because it is unknown
how far the failed write got. Each recovery takes the next epoch.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from detector.core.cloud_events import cloud_event_headers
from detector.core.errors import DetectorError
from detector.core.notices import ActionDecided, BudgetLevel, KillSwitchRead, NoticeListener
from detector.core.ports import RecordPublisher, StateStore
from detector.core.steady_time import SteadyTime
from detector.core.topics import Topics
from detector.core.vocabulary import Mode
from detector.decisions.actions import ACTION_SCHEMA, DECISION_SCHEMA, Action, DecisionRecord
from detector.decisions.decide import Decider, DecisionResult
from detector.decisions.kill_switch import ControlView
from detector.detection.alarms import AlarmChange

STATE_SCHEMA = "detector.decider.v1"
MAX_STATE_BYTES = 900_000
CLOCK_SAVE_SECONDS = 60.0
STATE_KEY = "decider"
CRASH_POINTS = ("before_state_record", "after_state_record", "after_action", "before_ack")


class DecisionsError(DetectorError):
    """The decider's state cannot be read or written; call ``recover`` before the next call."""


class OutboxRecord(msgspec.Struct, frozen=True, array_like=True):
    """One record of the outbox, exactly as it is published."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class DeciderStateRecord(msgspec.Struct, frozen=True):
    """The durable state: the decider's snapshot, its outbox, and the last offset applied."""

    schema: str
    offset: int
    outbox: list[OutboxRecord]
    decider: dict[str, Any]


class DecisionService:
    """The decider with its durable state; several tasks of one event loop may call it."""

    def __init__(
        self,
        *,
        decider: Decider,
        store: StateStore,
        publisher: RecordPublisher,
        topics: Topics,
        notify: NoticeListener = lambda _: None,
        crash_point: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._decider = decider
        self._store = store
        self._publisher = publisher
        self._topics = topics
        self._notify = notify
        self._crash_point = crash_point
        self._lock = asyncio.Lock()
        self._is_sound = False
        self._partition = 0
        self._offset = -1
        self._saved_changes = -1
        self._clock_saved_at: float | None = None

    @property
    def epoch(self) -> int:
        """The epoch of this owner."""
        return self._decider.epoch

    async def recover(self, partition: int = 0) -> None:
        """Continue from the durable record of ``partition``, if there is one, as the newest owner.

        Actions of the outbox are published again only if this owner enforces: the mode may have
        been set to ``observe`` because of them.

        ``DecisionsError`` when the record cannot be read: an unknown budget grants nothing.
        """
        async with self._lock:
            self._is_sound = False
            self._partition = partition
            outbox: list[OutboxRecord] = []
            if record := self._store.load(partition, STATE_KEY):
                state = _decoded(record)
                try:
                    self._decider.restore(state.decider)
                except (ValueError, KeyError, TypeError) as error:
                    raise DecisionsError(f"state record cannot be restored: {error!r}") from error
                self._offset, outbox = state.offset, state.outbox
            self._decider.take_epoch()
            enforces = self._decider.config.mode is Mode.ENFORCE
            for message in outbox:
                if enforces or message.topic != self._topics.actions:
                    await self._publish(message)
            await self._save([])
            self._is_sound = True

    async def apply(
        self,
        changes: Sequence[AlarmChange],
        *,
        offset: int,
        now: SteadyTime,
        control: ControlView,
    ) -> list[DecisionResult]:
        """Apply changes up to ``offset`` and return the decisions, durable: acknowledge then."""
        async with self._lock:
            self._demand_sound()
            for change in changes:
                self._decider.observe(change)
            results = await self._decide(now, control, offset)
            self._crash_point("before_ack")
            return results

    async def tick(self, now: SteadyTime, control: ControlView) -> list[DecisionResult]:
        """Check refused candidates again; call about every second."""
        async with self._lock:
            self._demand_sound()
            return await self._decide(now, control, self._offset)

    async def _decide(
        self, now: SteadyTime, control: ControlView, offset: int
    ) -> list[DecisionResult]:
        self._is_sound = False
        decided: list[DecisionResult] = []
        more = True
        while more:
            results = self._decider.decide(now, control)
            more = len(results) >= self._decider.config.max_rulings
            if not more:
                self._offset = max(self._offset, offset)
            if self._decider.changes != self._saved_changes or self._is_clock_due(now):
                self._clock_saved_at = now.monotonic
                await self._commit(results)
            decided += results
        self._is_sound = True
        self._report(decided, control)
        return decided

    def _is_clock_due(self, now: SteadyTime) -> bool:
        if self._clock_saved_at is None:
            self._clock_saved_at = now.monotonic
        rested = now.monotonic - self._clock_saved_at
        return rested >= CLOCK_SAVE_SECONDS and not self._decider.is_settled

    async def _commit(self, results: Sequence[DecisionResult]) -> None:
        decisions = [self._decision_message(result.decision) for result in results]
        actions = [self._action_message(r.action) for r in results if r.action is not None]
        self._crash_point("before_state_record")
        await self._save([*decisions, *actions])
        self._crash_point("after_state_record")
        # Decisions first: a reader of an action can then find the decision that granted it.
        for message in decisions:
            await self._publish(message)
        for message in actions:
            await self._publish(message)
            self._crash_point("after_action")

    async def _save(self, outbox: list[OutboxRecord]) -> None:
        changes = self._decider.changes
        state = DeciderStateRecord(STATE_SCHEMA, self._offset, outbox, self._decider.snapshot())
        record = msgspec.msgpack.encode(state)
        if len(record) > MAX_STATE_BYTES:
            raise DecisionsError(
                f"state record has {len(record)} bytes, expected at most {MAX_STATE_BYTES}: "
                "lower max_standing or max_rulings"
            )
        await self._store.save(self._partition, STATE_KEY, record)
        self._saved_changes = changes

    async def _publish(self, message: OutboxRecord) -> None:
        await self._publisher.publish(
            message.topic, key=message.key, value=message.value, headers=message.headers
        )

    def _decision_message(self, decision: DecisionRecord) -> OutboxRecord:
        headers = cloud_event_headers(
            event_id=decision.id,
            event_type=DECISION_SCHEMA,
            source=self._source,
            subject=decision.target.key if decision.target else decision.alarm_id,
            at=decision.decided_at,
        )
        key, value = decision.action_id.encode(), msgspec.json.encode(decision)
        return OutboxRecord(self._topics.decisions, key, value, headers)

    def _action_message(self, action: Action) -> OutboxRecord:
        headers = cloud_event_headers(
            event_id=action.id,
            event_type=ACTION_SCHEMA,
            source=self._source,
            subject=action.target.key,
            at=action.requested_at,
        )
        key, value = action.target.key.encode(), msgspec.json.encode(action)
        return OutboxRecord(self._topics.actions, key, value, headers)

    @property
    def _source(self) -> str:
        return f"/{self._topics.app_id}/decide"

    def _demand_sound(self) -> None:
        if not self._is_sound:
            raise DecisionsError("the decider's last write is in doubt: recover before deciding")

    def _report(self, results: Sequence[DecisionResult], control: ControlView) -> None:
        for result in results:
            d = result.decision
            self._notify(ActionDecided(d.kind, d.verdict, d.refusal, d.action_id, d.sentence))
        for scope, (tokens, capacity) in self._decider.levels().items():
            self._notify(BudgetLevel(scope, tokens, capacity))
        self._notify(KillSwitchRead(control.engaged, control.known))


def _decoded(record: bytes) -> DeciderStateRecord:
    try:
        state = msgspec.msgpack.decode(record, type=DeciderStateRecord)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecisionsError(
            f"state record of {len(record)} bytes is unreadable: {error}"
        ) from None
    if state.schema != STATE_SCHEMA:
        raise DecisionsError(
            f"state record has schema {state.schema!r}, expected {STATE_SCHEMA!r}: "
            "run the release that wrote it"
        )
    return state
