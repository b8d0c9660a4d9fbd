"""The decider: who is granted, who is refused and why."""

import msgspec

from detector.core.vocabulary import ActionKind, AlarmState, Decision, Mode, Refusal
from detector.decisions.actions import Action
from detector.decisions.budgets import BucketLimits, CapacityLimits
from detector.decisions.ledger import MAX_GRANTS, Grant, Ledger
from tests.support.deciders import decider, verdicts
from tests.support.deciding import (
    OFF,
    ON,
    START,
    at,
    change,
    target,
    without_target,
    zone_change,
)


def test_a_confirmed_alarm_is_granted_and_the_action_says_everything() -> None:
    made = decider()
    made.observe(change())
    [result] = made.decide(at(5), OFF)
    action, decision = result.action, result.decision
    assert decision.verdict is Decision.GRANTED
    assert isinstance(action, Action)
    assert action.id == decision.action_id
    assert decision.id == f"{action.id}-1"
    assert action.correlation == {
        "alarm_id": "alarm of checkout/az1/h1",
        "alarm_change_id": change().id,
        "decision_id": decision.id,
    }
    assert (action.requested_at, action.not_before) == (START + 5, START + 5)
    assert action.expires_at == START + 605
    assert (action.epoch, decision.epoch) == (1, 1)
    assert (action.irreversible, action.undo, action.effect_seconds) == (True, "", 0.0)
    assert (action.budget.tokens_before, action.budget.tokens_after) == (2.0, 1.0)
    assert (action.budget.capacity_used, action.budget.capacity_limit) == (0, 60)
    assert action.budget.fleet_size_age_seconds == 5.0
    assert decision.sentence == "granted to replace host h1 of checkout in az1: 78 excess faults"
    assert made.decide(at(100), OFF) == []


def test_a_zone_is_shifted_away_with_an_end_and_a_way_back() -> None:
    made = decider()
    made.observe(zone_change())
    [result] = made.decide(at(5), OFF)
    assert result.action is not None
    assert result.action.kind is ActionKind.SHIFT_AWAY
    assert (result.action.undo, result.action.irreversible) == ("end_shift", False)
    assert result.action.effect_seconds == 3_600.0


def test_observe_rules_as_enforce_would_but_makes_no_action() -> None:
    observing, enforcing = decider(mode=Mode.OBSERVE), decider()
    for made in (observing, enforcing):
        for name in ("h1", "h2", "h3"):
            made.observe(change(target(name)))
    seen, done = observing.decide(at(), OFF), enforcing.decide(at(), OFF)
    assert [r.decision.verdict for r in seen] == [
        Decision.OBSERVED,
        Decision.OBSERVED,
        Decision.REFUSED,
    ]
    assert [r.action for r in seen] == [None, None, None]
    assert [r.decision.checks for r in seen] == [r.decision.checks for r in done]
    assert [r.decision.refusal for r in seen] == [r.decision.refusal for r in done]


def test_the_worst_is_acted_upon_first() -> None:
    made = decider()
    for name, excess in {"a": 10.0, "b": 30.0, "c": 20.0}.items():
        made.observe(change(target(name), excess_faults=excess))
    assert verdicts(made.decide(at(), OFF)) == [
        ("b", Decision.GRANTED, None),
        ("c", Decision.GRANTED, None),
        ("a", Decision.REFUSED, Refusal.BUDGET_SPENT),
    ]


def test_a_refused_candidate_is_granted_once_there_is_a_token() -> None:
    made = decider(fleet_bucket=BucketLimits(1.0, 1 / 60))
    made.observe(change(target("h1")))
    made.observe(change(target("h2"), excess_faults=1.0))
    assert len(made.decide(at(), OFF)) == 2
    assert made.decide(at(30), OFF) == []
    assert verdicts(made.decide(at(61), OFF)) == [("h2", Decision.GRANTED, None)]


def test_a_refusal_is_recorded_again_only_when_its_reason_changes() -> None:
    made = decider()
    made.observe(change())
    [first] = made.decide(at(), ON)
    assert first.decision.refusal is Refusal.KILL_SWITCH
    assert made.decide(at(5), OFF) == []  # Looked at every ten seconds.
    assert made.decide(at(11), ON) == []
    [second] = made.decide(at(22), OFF)
    assert second.decision.verdict is Decision.GRANTED
    assert second.decision.id == f"{second.decision.action_id}-2"


def test_a_new_change_is_looked_at_at_once() -> None:
    made = decider()
    made.observe(change())
    made.decide(at(), ON)
    made.observe(change(target("h2")))
    assert {name for name, *_ in verdicts(made.decide(at(1), OFF))} == {"h1", "h2"}


def test_stale_evidence_is_refused_once_and_waits_for_the_next_change() -> None:
    made = decider()
    made.observe(change(suspects=9))
    made.decide(at(), OFF)
    assert verdicts(made.decide(at(601), OFF)) == [("h1", Decision.REFUSED, Refusal.STALE_EVIDENCE)]
    assert made.decide(at(1_300), OFF) == []
    made.observe(change(seconds=1_310))
    assert verdicts(made.decide(at(1_311), OFF)) == [("h1", Decision.GRANTED, None)]


def test_an_alarm_that_left_is_not_acted_upon() -> None:
    made = decider()
    made.observe(change())
    made.decide(at(), ON)
    made.observe(change(state=AlarmState.OK, seconds=5))
    assert made.decide(at(20), OFF) == []


def test_the_same_target_is_not_acted_upon_twice_within_the_hour() -> None:
    made = decider()
    made.observe(change())
    made.decide(at(), OFF)
    made.observe(change(seconds=60))
    assert made.decide(at(61), OFF) == []  # Still the alarm that was granted: nothing to say.
    made.observe(change(state=AlarmState.OK, seconds=120))
    made.observe(change(seconds=180))
    assert verdicts(made.decide(at(181), OFF)) == [("h1", Decision.REFUSED, Refusal.ALREADY_ACTED)]
    made.observe(change(seconds=3_700))
    assert verdicts(made.decide(at(3_701), OFF)) == [("h1", Decision.GRANTED, None)]


def test_an_identity_is_never_granted_again() -> None:
    made = decider(repeat_after_seconds=0.0)
    made.observe(change())
    made.decide(at(), OFF)
    made.observe(change(state=AlarmState.OK, seconds=1))
    # The same window under another change: the same action.
    made.observe(
        msgspec.structs.replace(change(), id="again", changed_at=round(START * 1000) + 2_000)
    )
    [result] = made.decide(at(3), OFF)
    assert result.decision.refusal is Refusal.ALREADY_ACTED
    assert "this very action" in result.decision.sentence


def test_only_one_zone_is_away_at_a_time_until_the_shift_has_surely_ended() -> None:
    made = decider()
    made.observe(zone_change("az1"))
    made.observe(zone_change("az2", excess_faults=10.0))
    assert verdicts(made.decide(at(), OFF)) == [
        ("az1", Decision.GRANTED, None),
        ("az2", Decision.REFUSED, Refusal.ANOTHER_ZONE_IS_AWAY),
    ]
    # An executor may begin 600 s late, and the shift lasts an hour from then on.
    for seconds, granted in ((3_601, False), (4_199, False), (4_201, True)):
        made.observe(zone_change("az2", excess_faults=10.0, seconds=seconds))
        results = made.decide(at(seconds), OFF)
        assert [r.decision.verdict is Decision.GRANTED for r in results] == [True] * granted


def test_another_service_may_leave_the_zone_that_is_away_but_not_the_same_one_twice() -> None:
    made = decider()
    made.observe(zone_change("az1"))
    made.decide(at(), OFF)
    made.observe(zone_change("az1", "cart"))
    assert verdicts(made.decide(at(1), OFF)) == [("az1", Decision.GRANTED, None)]
    again = msgspec.structs.replace(
        zone_change("az1", seconds=60), alarm_id="another detector", id="other"
    )
    made.observe(again)
    # However many detectors name it, it is one target, and that has been ruled upon.
    assert [] == made.decide(at(61), OFF)


def test_a_zone_that_is_away_is_not_looked_at_again_and_may_leave_again_after_its_return() -> None:
    made = decider()
    made.observe(zone_change("az1"))
    made.decide(at(), OFF)
    made.observe(zone_change("az1", seconds=60))
    assert made.decide(at(61), OFF) == []
    made.observe(zone_change("az1", seconds=4_300))
    assert verdicts(made.decide(at(4_301), OFF)) == [("az1", Decision.GRANTED, None)]


def test_hosts_in_a_sick_or_absent_zone_are_left_alone() -> None:
    made = decider()
    made.observe(zone_change("az1", "cart", fleet_event=True))
    made.observe(change())
    assert verdicts(made.decide(at(), OFF)) == [
        ("az1", Decision.REFUSED, Refusal.TOO_MANY_SICK),
        ("h1", Decision.REFUSED, Refusal.ZONE_IMPAIRED),
    ]


def test_hosts_rest_after_a_storm_while_a_sick_zone_may_leave() -> None:
    made = decider()
    made.observe(change(suspects=50))
    assert verdicts(made.decide(at(), OFF)) == [("h1", Decision.REFUSED, Refusal.TOO_MANY_SICK)]
    made.observe(change(seconds=60, suspects=1))
    assert verdicts(made.decide(at(61), OFF)) == [("h1", Decision.REFUSED, Refusal.COOL_DOWN)]
    made.observe(zone_change("az2", seconds=62))
    assert verdicts(made.decide(at(63), OFF)) == [("az2", Decision.GRANTED, None)]
    made.observe(change(seconds=590))
    assert verdicts(made.decide(at(601), OFF)) == [("h1", Decision.GRANTED, None)]


def test_capacity_counts_hosts_removed_in_the_rolling_hour() -> None:
    made = decider(capacity=CapacityLimits())
    made.observe(change(target("h1")))
    made.observe(change(target("h2"), excess_faults=1.0))
    assert verdicts(made.decide(at(), OFF)) == [
        ("h1", Decision.GRANTED, None),
        ("h2", Decision.REFUSED, Refusal.CAPACITY_SPENT),
    ]
    made.observe(change(target("h1"), state=AlarmState.OK, seconds=10))
    made.observe(change(target("h2"), seconds=3_599))
    assert made.decide(at(3_599), OFF) == []
    assert verdicts(made.decide(at(3_610), OFF)) == [("h2", Decision.GRANTED, None)]


def test_all_fleets_share_the_global_bucket() -> None:
    made = decider()
    for number in range(5):
        made.observe(change(target(service=f"service{number}"), excess_faults=10.0 - number))
    results = made.decide(at(), OFF)
    assert [r.decision.refusal for r in results] == [None] * 4 + [Refusal.GLOBAL_BUDGET_SPENT]
    assert made.levels() == {"global": (0.0, 4.0), "fleet": (1.0, 2.0)}


def test_an_alarm_without_a_target_is_refused_and_costs_nothing() -> None:
    made = decider()
    made.observe(without_target(change()))
    [result] = made.decide(at(), OFF)
    assert (result.decision.refusal, result.decision.target) == (Refusal.NO_TARGET, None)
    assert result.decision.sentence.startswith("refused to replace host nothing: 78 excess faults")
    assert made.levels() == {"global": (4.0, 4.0), "fleet": (2.0, 2.0)}


def test_one_round_is_bounded_and_the_next_one_goes_on() -> None:
    made = decider(max_rulings=2)
    for number in range(5):
        made.observe(change(target(f"h{number}"), excess_faults=10.0 - number))
    rounds = [verdicts(made.decide(at(), ON)) for _ in range(4)]
    assert [[name for name, *_ in ruled] for ruled in rounds] == [
        ["h0", "h1"],
        ["h2", "h3"],
        ["h4"],
        [],
    ]


def test_an_alarm_that_leaves_in_the_middle_of_a_round_is_not_decided_on() -> None:
    made = decider(max_rulings=1)
    for name, excess in {"h1": 9.0, "h2": 5.0, "h3": 1.0}.items():
        made.observe(change(target(name), excess_faults=excess))
    assert verdicts(made.decide(at(), ON)) == [("h1", Decision.REFUSED, Refusal.KILL_SWITCH)]
    made.observe(change(target("h2"), state=AlarmState.OK, seconds=1))
    assert verdicts(made.decide(at(1), OFF)) == [("h3", Decision.GRANTED, None)]


def test_only_the_worst_are_kept_between_rounds_but_all_are_ruled_upon() -> None:
    made = decider(max_standing=2)
    for number in range(5):
        made.observe(change(target(f"h{number}"), excess_faults=float(number)))
    assert len(made.decide(at(), ON)) == 5
    assert {name for name, *_ in verdicts(made.decide(at(20), OFF))} == {"h3", "h4"}


def test_a_full_ledger_grants_nothing() -> None:
    made = decider()
    full = Ledger(
        Grant(f"i{n}", ActionKind.SHIFT_AWAY, "t", "other", "az1", 0.0, 1e9, True)
        for n in range(MAX_GRANTS)
    )
    made.restore(made.snapshot() | {"ledger": full.snapshot()})
    made.observe(change(target(zone="az2")))
    [result] = made.decide(at(), OFF)
    assert result.decision.refusal is Refusal.GLOBAL_BUDGET_SPENT
