"""Step 5, decide: grants or refuses the actions that active alarms ask for.

Law: no action without a granted decision, no action id granted twice, no budget overdrawn, under
any sequence of changes, duplicates, restarts and clock jumps. Doubt means refusal.

Theory of operation: an active alarm that asks for an action is a candidate. Candidates are decided
on in order of excess faults, most first (what customers are spared per action). Each one runs
through the whole chain of checks, and a grant is charged before the next candidate. A refused
candidate is checked again every ``reconsider_seconds`` while its alarm is active and its evidence
is fresh, but a new decision is recorded only when the verdict or the refusal changes. In
``observe`` everything is charged as in ``enforce``, so that the records show what enforcing would
have done; only the action is withheld.

Known limits: the worst ``max_standing`` candidates are kept between cycles. One that is dropped, or
whose evidence is stale, has already been decided on; it returns when its alarm is published again,
which evaluation does every few minutes while the alarm is active and confirmed. The decider does
not read outcomes: an action that an executor refused counts as done until the limits expire.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from detector.core.steady_time import SteadyTime
from detector.core.vocabulary import ActionKind, Decision, Mode, Refusal
from detector.decisions.budgets import CoolDown, SteadyClock, TokenBucket, restored_buckets
from detector.decisions.candidates import Candidate, Candidates, FleetCounts
from detector.decisions.checks import CheckInput, chain, first_refusal
from detector.decisions.config import DecideConfig
from detector.decisions.decision_record import (
    DecisionContext,
    DecisionResult,
    budget_view,
    candidate_action_id,
    decision_of,
    make_decision,
)
from detector.decisions.kill_switch import ControlView
from detector.decisions.ledger import Grant, Ledger
from detector.decisions.zones import Shift, ShiftsInForce
from detector.detection.alarms import AlarmChange

__all__ = ["DecideConfig", "Decider", "DecisionResult"]

SNAPSHOT_VERSION = 2
SNAPSHOT_VERSION_1 = 1
"""Version of a snapshot without candidates, which releases before alarms of schema version 2 read
too, and of all snapshots that they wrote."""


class Decider:
    """Owns the budgets, the shifts and the active alarms that ask for an action."""

    def __init__(self, config: DecideConfig | None = None) -> None:
        self._config = config or DecideConfig()
        self._clock = SteadyClock()
        self._fleet_buckets: dict[str, TokenBucket] = {}
        self._global_bucket = TokenBucket(self._config.global_bucket)
        self._ledger = Ledger()
        self._cool_down = CoolDown(self._config.cool_down_seconds)
        self._candidates = Candidates()
        self._epoch = 0
        # Alarms still to be decided on in this cycle, the worst last.
        self._pending: list[str] = []
        self._due = True
        self._next_look = 0.0
        self._changes = 0

    @property
    def config(self) -> DecideConfig:
        """The limits in force."""
        return self._config

    @property
    def epoch(self) -> int:
        """The epoch that actions carry."""
        return self._epoch

    @property
    def changes(self) -> int:
        """Counts changes of the durable state; while it is unchanged, nothing needs saving."""
        return self._changes

    @property
    def is_settled(self) -> bool:
        """Whether no limit is partly spent, so that the clock need not be saved either."""
        now = self._clock.seconds
        counted = max(self._config.capacity.window_seconds, self._config.repeat_after_seconds)
        return (
            self._global_bucket.is_full(now)
            and all(bucket.is_full(now) for bucket in self._fleet_buckets.values())
            and not self._cool_down.snapshot()
            and not self._ledger.newer_than(now - counted)
            and not self._ledger.in_force(ActionKind.SHIFT_AWAY, now)
        )

    def take_epoch(self) -> int:
        """Become the newest owner: one epoch higher than any before."""
        self._epoch += 1
        self._changes += 1
        return self._epoch

    def observe(self, change: AlarmChange) -> None:
        """Apply one change of an alarm's state; a repeated change has no effect."""
        if self._candidates.observe(change):
            self._changes += 1
            self._due = True

    def decide(self, now: SteadyTime, control: ControlView) -> list[DecisionResult]:
        """Check every candidate and return the new decisions, at most ``max_rulings`` of them.

        If there are that many, more may be due: call again.
        """
        at = self._clock.read(now)
        if not self._pending and not self._begin_cycle(at):
            return []
        counts = self._candidates.fleet_counts()
        results: list[DecisionResult] = []
        while self._pending and len(results) < self._config.max_rulings:
            candidate = self._candidates.get(self._pending.pop())
            if candidate is not None:
                result = self._decide_on(candidate, at, now.wall, control, counts)
                results += [result] if result is not None else []
        if not self._pending:
            self._end_cycle(now.wall)
        return results

    def levels(self) -> dict[str, tuple[float, float]]:
        """Return tokens and capacity of the ``global`` and of the lowest ``fleet`` bucket."""
        now, fleet = self._clock.seconds, self._config.fleet_bucket.capacity
        lowest = min((b.level(now) for b in self._fleet_buckets.values()), default=fleet)
        total = (self._global_bucket.level(now), self._config.global_bucket.capacity)
        return {"global": total, "fleet": (lowest, fleet)}

    def snapshot(self) -> dict[str, Any]:
        """Return everything that must survive a restart as plain data."""
        now = self._clock.seconds
        spent = {s: b.snapshot() for s, b in self._fleet_buckets.items() if not b.is_full(now)}
        candidates = self._candidates.snapshot(self._config.max_standing)
        return {
            "version": SNAPSHOT_VERSION if candidates["standing"] else SNAPSHOT_VERSION_1,
            "epoch": self._epoch,
            "steady_seconds": now,
            "fleet_buckets": spent,
            "global_bucket": self._global_bucket.snapshot(),
            "ledger": self._ledger.snapshot(),
            "cool_down": self._cool_down.snapshot(),
            "candidates": candidates,
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Continue from a snapshot; ``ValueError`` for one of another version.

        If this decider enforces, grants that were only observed are dropped; spent tokens stay
        spent.
        """
        if snapshot.get("version") not in {SNAPSHOT_VERSION_1, SNAPSHOT_VERSION}:
            raise ValueError(
                f"decider snapshot has version {snapshot.get('version')!r}, expected "
                f"{SNAPSHOT_VERSION_1} or {SNAPSHOT_VERSION}: run the release that wrote it, "
                "or delete the state record"
            )
        config = self._config
        self._epoch = snapshot["epoch"]
        self._clock = SteadyClock(snapshot["steady_seconds"])
        self._fleet_buckets = restored_buckets(config.fleet_bucket, snapshot["fleet_buckets"])
        self._global_bucket = TokenBucket(config.global_bucket, *snapshot["global_bucket"])
        enforcing = config.mode is Mode.ENFORCE
        self._ledger = Ledger.restored(snapshot["ledger"], enforcing=enforcing)
        self._cool_down = CoolDown(config.cool_down_seconds, snapshot["cool_down"])
        self._candidates = Candidates.restored(snapshot["candidates"])
        self._pending = []
        self._due = True
        self._changes += 1

    def _begin_cycle(self, at: float) -> bool:
        if not self._due and at < self._next_look:
            return False
        self._ledger.forget(at - self._config.remembered_seconds, at)
        self._cool_down.forget_ended(at)
        self._pending = [c.change.alarm_id for c in reversed(self._candidates.ranked())]
        self._due = False
        self._next_look = at + self._config.reconsider_seconds
        return True

    def _end_cycle(self, wall: float) -> None:
        oldest, limit = self._config.evidence_max_age_seconds, self._config.max_standing
        if self._candidates.keep_worst(limit, lambda c: c.age_seconds(wall) <= oldest):
            self._changes += 1

    def _decide_on(
        self,
        candidate: Candidate,
        at: float,
        wall: float,
        control: ControlView,
        counts: FleetCounts,
    ) -> DecisionResult | None:
        check_input = self._check_input(candidate, at, wall, control, counts)
        if candidate.was_granted and self._is_done(check_input):
            return None
        checks = chain(check_input, self._config)
        if any(c.name == Refusal.TOO_MANY_SICK.value and not c.passed for c in checks):
            self._cool_down.start(candidate.storm_scope, at)
        verdict, refusal = decision_of(checks, self._config.mode), first_refusal(checks)
        if (verdict, refusal) == (Decision.REFUSED, candidate.refusal):
            return None
        context = DecisionContext(
            config=self._config,
            epoch=self._epoch,
            wall=wall,
            budget=budget_view(check_input, self._config),
        )
        result = make_decision(candidate, checks, context)
        if verdict is not Decision.REFUSED:
            self._charge(candidate, at)
        self._candidates.put(
            msgspec.structs.replace(
                candidate, verdict=verdict, refusal=refusal, attempts=candidate.attempts + 1
            )
        )
        self._changes += 1
        return result

    def _check_input(
        self,
        candidate: Candidate,
        at: float,
        wall: float,
        control: ControlView,
        counts: FleetCounts,
    ) -> CheckInput:
        service, target = candidate.service, candidate.change.target
        zone = target.zone if target else ""
        since = at - self._config.capacity.window_seconds
        return CheckInput(
            change=candidate.change,
            kind=candidate.kind,
            age_seconds=candidate.age_seconds(wall),
            control=control,
            shifts=self._shifts(at),
            acted=self._acted(candidate, at, wall),
            zone_alarm=zone in counts.impaired_zones,
            sick=counts.sick_by_service.get(service, 0),
            removed_fleet=self._ledger.removed(service, since),
            removed_zone=self._ledger.removed(service, since, zone),
            cool_down_remaining=self._cool_down.remaining(candidate.storm_scope, at),
            fleet_tokens=self._fleet_bucket(service).level(at),
            global_tokens=self._global_bucket.level(at),
            ledger_full=self._ledger.is_full,
        )

    def _shifts(self, at: float) -> ShiftsInForce:
        grants = self._ledger.in_force(ActionKind.SHIFT_AWAY, at)
        return ShiftsInForce.at((Shift(g.zone, g.service, g.until) for g in grants), at)

    def _acted(self, candidate: Candidate, at: float, wall: float) -> str:
        if self._ledger.has(candidate_action_id(candidate)):
            return "this very action was granted before"
        # A zone has its own checks: it may be shifted away again once it has returned.
        if candidate.change.target is None or candidate.kind is not ActionKind.REPLACE_HOST:
            return ""
        last = self._ledger.last_at(candidate.change.target.key, candidate.kind)
        # Another detector may report what was seen before the action; that asks for no second one.
        seen_at = at - candidate.age_seconds(wall)
        if last is None or min(at - self._config.repeat_after_seconds, seen_at) >= last:
            return ""
        return f"acted upon {at - last:.0f} s ago"

    @staticmethod
    def _is_done(check_input: CheckInput) -> bool:
        target = check_input.change.target
        away = target is not None and check_input.shifts.is_away(target.zone, target.service)
        return bool(check_input.acted) or (check_input.kind is ActionKind.SHIFT_AWAY and away)

    def _fleet_bucket(self, service: str) -> TokenBucket:
        return self._fleet_buckets.get(service) or TokenBucket(self._config.fleet_bucket)

    def _charge(self, candidate: Candidate, at: float) -> None:
        target = candidate.change.target
        bucket = self._fleet_bucket(candidate.service)
        self._fleet_buckets[candidate.service] = bucket
        paid = bucket.spend(1.0, at) and self._global_bucket.spend(1.0, at)
        assert paid, "a passed chain found its tokens"  # noqa: S101
        assert target is not None, "a passed chain found its target"  # noqa: S101
        # An executor may start as late as the action expires; the zone is away from then on.
        shifts = candidate.kind is ActionKind.SHIFT_AWAY
        away = self._config.shift_seconds + self._config.action_expires_seconds
        self._ledger.add(
            Grant(
                action_id=candidate_action_id(candidate),
                kind=candidate.kind,
                target=target.key,
                service=target.service,
                zone=target.zone,
                at=at,
                until=at + (away if shifts else 0.0),
                enforced=self._config.mode is Mode.ENFORCE,
            )
        )
