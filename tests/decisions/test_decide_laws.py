"""The decider's laws under any sequence of changes, duplicates, restarts and jumps of the clock.

The accounts are kept here by other means than in the decider: a list of what was granted when, on a
clock that the decider cannot see, and the limits as numbers.
"""

from itertools import pairwise

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from detector.core.steady_time import SteadyTime
from detector.core.vocabulary import ActionKind, AlarmState, Decision, Mode
from detector.decisions.actions import Action
from detector.decisions.budgets import BucketLimits
from detector.decisions.decide import DecideConfig, Decider
from detector.decisions.kill_switch import ControlView
from tests.support.deciding import OFF, ON, START, UNKNOWN, change, target, zone_change

FLEET_CAPACITY, FLEET_SECONDS = 2.0, 600.0
GLOBAL_CAPACITY, GLOBAL_SECONDS = 3.0, 300.0
SHIFT_SECONDS, EXPIRES_SECONDS = 1_800.0, 600.0
CAPACITY_SECONDS, REPEAT_SECONDS = 3_600.0, 7_200.0
CONFIG = DecideConfig(
    mode=Mode.ENFORCE,
    fleet_bucket=BucketLimits(FLEET_CAPACITY, 1 / FLEET_SECONDS),
    global_bucket=BucketLimits(GLOBAL_CAPACITY, 1 / GLOBAL_SECONDS),
    shift_seconds=SHIFT_SECONDS,
    repeat_after_seconds=REPEAT_SECONDS,
    action_expires_seconds=EXPIRES_SECONDS,
    max_rulings=3,
    max_standing=4,
)
services = st.sampled_from(["checkout", "cart"])
zones = st.sampled_from(["az1", "az2", "az3"])
hosts = st.sampled_from(["h1", "h2", "h3", "h4"])


class Deciding(RuleBasedStateMachine):
    """A decider, its durable record, and an independent account of what it granted."""

    def __init__(self) -> None:
        super().__init__()
        self.decider = Decider(CONFIG)
        self.decider.take_epoch()
        self.true_seconds = 0.0
        self.process_seconds = 0.0
        self.wall_jump = 0.0
        self.control = OFF
        self.seen = [change(action=None)]
        self.granted: list[tuple[float, Action]] = []
        self.epochs = [self.decider.epoch]
        self.record = msgspec.msgpack.encode(self.decider.snapshot())

    def now(self) -> SteadyTime:
        return SteadyTime(START + self.true_seconds + self.wall_jump, self.process_seconds)

    def end(self) -> float:
        return self.now().wall - START

    @rule(service=services, zone=zones, gray=st.lists(hosts, min_size=1, max_size=3))
    def hosts_turn_gray(self, service: str, zone: str, gray: list[str]) -> None:
        for excess, host in enumerate(gray, start=1):
            aim = target(host, zone, service)
            end = self.end()
            self.observe(change(aim, seconds=end, excess_faults=excess, fleet_hosts=300))
        self.it_decides()

    @rule(service=services, zone=zones, suspects=st.sampled_from([0, 0, 0, 40]))
    def a_zone_degrades(self, service: str, zone: str, suspects: int) -> None:
        self.observe(zone_change(zone, service, seconds=self.end(), suspects=suspects))
        self.it_decides()

    @rule(number=st.integers(0, 1_000))
    def an_alarm_leaves(self, number: int) -> None:
        old = self.seen[number % len(self.seen)]
        assert old.target is not None
        self.observe(
            change(old.target, alarm_id=old.alarm_id, state=AlarmState.OK, seconds=self.end())
        )

    @rule(number=st.integers(0, 1_000))
    def a_change_comes_again(self, number: int) -> None:
        self.observe(self.seen[number % len(self.seen)])

    def observe(self, seen: object) -> None:
        assert isinstance(seen, type(self.seen[0]))
        self.seen.append(seen)
        self.decider.observe(seen)

    @rule(
        seconds=st.one_of(
            st.floats(0, 30), st.sampled_from([300.0, 650.0, 1_900.0, 2_500.0, 3_700.0])
        )
    )
    def time_passes(self, seconds: float) -> None:
        self.true_seconds += seconds
        self.process_seconds += seconds

    @rule(seconds=st.sampled_from([-7_200.0, -60.0, 700.0, 3_700.0, 100_000.0]))
    def the_wall_clock_jumps(self, seconds: float) -> None:
        self.wall_jump += seconds

    @rule(control=st.sampled_from([OFF, OFF, OFF, ON, UNKNOWN]))
    def the_switch_is_turned(self, control: ControlView) -> None:
        self.control = control

    @rule(down=st.floats(0, 10_000))
    def the_process_is_killed(self, down: float) -> None:
        """Whatever was observed since the last record is lost; it would be read again."""
        self.true_seconds += down
        self.process_seconds = 0.0
        self.decider = Decider(CONFIG)
        self.decider.restore(msgspec.msgpack.decode(self.record))
        self.epochs.append(self.decider.take_epoch())

    @rule()
    @precondition(lambda self: len(self.seen) > 1)
    def it_decides(self) -> None:
        results = self.decider.decide(self.now(), self.control)
        assert len(results) <= CONFIG.max_rulings
        for result in results:
            assert (result.action is not None) == (result.decision.verdict is Decision.GRANTED)
            assert all(c.passed for c in result.decision.checks) == (result.action is not None)
            if result.action is not None:
                assert result.decision.action_id == result.action.id
                assert self.control.allows
                self.granted.append((self.true_seconds, result.action))
        self.record = msgspec.msgpack.encode(self.decider.snapshot())
        restored = Decider(CONFIG)
        restored.restore(msgspec.msgpack.decode(self.record))
        assert restored.snapshot() == self.decider.snapshot()

    @invariant()
    def no_bucket_is_below_zero_or_above_its_capacity(self) -> None:
        for tokens, capacity in self.decider.levels().values():
            assert 0.0 <= tokens <= capacity

    @invariant()
    def grants_stay_within_the_rates(self) -> None:
        for since, _ in self.granted:
            after = [(when, a) for when, a in self.granted if when >= since]
            for fleet in {a.target.service for _, a in after}:
                of_fleet = [when for when, a in after if a.target.service == fleet]
                span = max(of_fleet) - since
                assert len(of_fleet) <= FLEET_CAPACITY + span / FLEET_SECONDS + 1e-6
            span = max(when for when, _ in after) - since
            assert len(after) <= GLOBAL_CAPACITY + span / GLOBAL_SECONDS + 1e-6

    @invariant()
    def hosts_are_removed_within_capacity(self) -> None:
        removed = [
            (when, a.target) for when, a in self.granted if a.kind is ActionKind.REPLACE_HOST
        ]
        for now, aim in removed:
            window = [t for when, t in removed if now - CAPACITY_SECONDS < when <= now]
            of_fleet = [t for t in window if t.service == aim.service]
            assert len(of_fleet) <= 3  # 1 % of 300
            assert sum(t.zone == aim.zone for t in of_fleet) <= 1
            before = [t for when, t in removed if now - REPEAT_SECONDS < when <= now]
            assert before.count(aim) == 1

    @invariant()
    def at_most_one_zone_is_away(self) -> None:
        shifts = [(when, a.target) for when, a in self.granted if a.kind is ActionKind.SHIFT_AWAY]
        for now, aim in shifts:
            still_away = [
                t for when, t in shifts if when < now < when + SHIFT_SECONDS + EXPIRES_SECONDS
            ]
            assert {t.zone for t in still_away} <= {aim.zone}
            assert aim not in still_away

    @invariant()
    def no_identity_is_granted_twice_and_epochs_only_grow(self) -> None:
        identities = [a.id for _, a in self.granted]
        assert len(identities) == len(set(identities))
        # A record is written by every owner before it acts, so epochs of actions never fall.
        assert all(one.epoch <= two.epoch for (_, one), (_, two) in pairwise(self.granted))

    @invariant()
    def what_is_kept_is_bounded(self) -> None:
        assert len(self.record) < 60_000


Deciding.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestDeciding = Deciding.TestCase
