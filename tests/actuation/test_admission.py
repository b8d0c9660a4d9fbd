"""Admission: each action once, and whatever is not surely right not at all."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.actuation.admission import (
    MAX_ACTION_BYTES,
    NOBODY,
    Accept,
    Admission,
    AdmissionRefusal,
    Ignore,
    Refuse,
    interrupted,
)
from detector.core.vocabulary import ActionKind, Mode, OutcomeState
from detector.decisions.actions import Action, Outcome
from detector.decisions.budgets import BucketLimits
from detector.decisions.kill_switch import ControlView
from tests.support.deciding import OFF, ON, START, UNKNOWN, action, at, outcome, shift, target

BUDGET = BucketLimits(2.0, 1 / 300)


def admission(*journal: Outcome, budget: BucketLimits = BUDGET) -> Admission:
    return Admission(journal, budget=budget)


def raw(of: Action, **members: Any) -> bytes:
    """Return the record's value, with members replaced by what a test wants to see refused."""
    return msgspec.json.encode(msgspec.to_builtins(of) | members)


def test_a_sound_action_is_accepted() -> None:
    sound = action()
    assert admission().check(raw(sound), at(5), OFF) == Accept(sound)


TARGET = msgspec.to_builtins(target())
REFUSED = {
    "unknown schema": (
        raw(action(), schema="detector.action.v2"),
        OFF,
        AdmissionRefusal.UNKNOWN_SCHEMA,
    ),
    "no host": (raw(action(goal=target(""))), OFF, AdmissionRefusal.BAD_TARGET),
    "a wildcard": (raw(action(goal=target("*"))), OFF, AdmissionRefusal.BAD_TARGET),
    "several hosts in one name": (
        raw(action(goal=target("h1,h2"))),
        OFF,
        AdmissionRefusal.BAD_TARGET,
    ),
    "a zone with a host": (
        raw(action(), kind=ActionKind.SHIFT_AWAY),
        OFF,
        AdmissionRefusal.BAD_TARGET,
    ),
    "observe": (raw(action(mode=Mode.OBSERVE)), OFF, AdmissionRefusal.NOT_ENFORCED),
    "a shift without an end": (
        raw(shift("a1", "az1", effect_seconds=0.0)),
        OFF,
        AdmissionRefusal.UNREADABLE,
    ),
    "an unknown mode": (raw(action(), mode="maybe"), OFF, AdmissionRefusal.UNREADABLE),
    "no expiry": (raw(action(), expires_at=None), OFF, AdmissionRefusal.UNREADABLE),
    "an older epoch": (raw(action(epoch=6)), OFF, AdmissionRefusal.OLDER_EPOCH),
    "too early": (raw(action(epoch=7, not_before=START + 20.0)), OFF, AdmissionRefusal.TOO_EARLY),
    "expired": (raw(action(epoch=7, expires_at=START + 5.0)), OFF, AdmissionRefusal.EXPIRED),
    "switch on": (raw(action(epoch=7)), ON, AdmissionRefusal.KILL_SWITCH),
    "switch unknown": (raw(action(epoch=7)), UNKNOWN, AdmissionRefusal.KILL_SWITCH),
}


@pytest.mark.parametrize(("value", "control", "refusal"), REFUSED.values(), ids=REFUSED)
def test_an_unsound_action_is_refused_with_its_reason(
    value: bytes, control: ControlView, refusal: AdmissionRefusal
) -> None:
    admitting = admission(outcome("other", OutcomeState.SUCCEEDED, epoch=7))
    result = admitting.check(value, at(5), control)
    assert isinstance(result, Refuse)
    assert result.refusal is refusal
    assert result.head.id == "a1"
    assert result.detail
    expected = OutcomeState.EXPIRED if refusal is AdmissionRefusal.EXPIRED else OutcomeState.REFUSED
    assert result.state is expected


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        raw(action(), kind="reboot_everything"),
        raw(action(), target=[TARGET, TARGET]),
        raw(action(), id=7),
        b'{"id": "' + b"x" * MAX_ACTION_BYTES + b'"}',
    ],
)
def test_what_is_no_single_action_is_ignored_and_says_why(value: bytes) -> None:
    result = admission().check(value, at(), OFF)
    assert isinstance(result, Ignore)
    assert not result.duplicate
    assert result.detail


def test_a_refusal_of_an_action_without_a_target_can_still_be_recorded() -> None:
    members = msgspec.to_builtins(action())
    del members["target"]
    result = admission().check(msgspec.json.encode(members), at(), OFF)
    assert isinstance(result, Refuse)
    assert (result.refusal, result.head.target) == (AdmissionRefusal.UNREADABLE, NOBODY)


def test_clocks_may_differ_by_a_few_seconds_before_not_before_but_not_after_expiry() -> None:
    early = raw(action(not_before=START + 4.9, expires_at=START + 10.0))
    assert isinstance(admission().check(early, at(0), OFF), Accept)
    assert isinstance(admission().check(early, at(9.9), OFF), Accept)
    assert isinstance(admission().check(early, at(10), OFF), Refuse)


@pytest.mark.parametrize("state", list(OutcomeState))
def test_an_identity_with_any_outcome_is_a_duplicate(state: OutcomeState) -> None:
    admitting = admission(outcome("a1", state))
    assert admitting.check(raw(action()), at(), OFF) == Ignore(duplicate=True, detail="a1")


def test_the_newer_epoch_shuts_out_the_older_one_from_then_on() -> None:
    admitting = admission()
    assert isinstance(admitting.check(raw(action("new", epoch=2)), at(), ON), Refuse)
    assert admitting.epoch == 2
    old = admitting.check(raw(action("old", epoch=1)), at(), OFF)
    assert isinstance(old, Refuse)
    assert (old.refusal, old.detail) == (AdmissionRefusal.OLDER_EPOCH, "epoch 1, newest seen 2")


def test_the_local_budget_is_spent_by_acceptances_and_refills_slowly() -> None:
    admitting = admission()
    for number in range(2):
        assert isinstance(admitting.check(raw(action(f"a{number}")), at(), OFF), Accept)
        admitting.learn(outcome(f"a{number}", OutcomeState.ACCEPTED))
    spent = admitting.check(raw(action("a3")), at(), OFF)
    assert isinstance(spent, Refuse)
    assert spent.refusal is AdmissionRefusal.LOCAL_BUDGET_SPENT
    assert isinstance(admitting.check(raw(action("a4")), at(301), OFF), Accept)


def test_an_end_costs_nothing_and_an_acceptance_read_again_costs_nothing_more() -> None:
    admitting = admission()
    for state in (OutcomeState.ACCEPTED, OutcomeState.ACCEPTED, OutcomeState.SUCCEEDED):
        admitting.learn(outcome("a1", state))
    admitting.learn(outcome("a1", OutcomeState.ACCEPTED))
    assert isinstance(admitting.check(raw(action("a2")), at(), OFF), Accept)


def test_a_restart_and_a_jump_of_the_clock_do_not_refill_the_local_budget() -> None:
    journal = [outcome(f"a{n}", OutcomeState.ACCEPTED, seconds=n) for n in range(3)]
    admitting = admission(*journal)
    later = admitting.check(raw(action("a9", expires_at=START + 1e6)), at(90_000), OFF)
    assert isinstance(later, Refuse)
    assert later.refusal is AdmissionRefusal.LOCAL_BUDGET_SPENT
    jumped = admitting.check(raw(action("b9", expires_at=START + 1e6)), at(90_001, 9_000), OFF)
    assert isinstance(jumped, Refuse)


def test_time_between_acceptances_in_the_journal_counts() -> None:
    admitting = admission(
        outcome("a1", OutcomeState.ACCEPTED, seconds=0),
        outcome("a2", OutcomeState.ACCEPTED, seconds=1),
        outcome("a3", OutcomeState.ACCEPTED, seconds=900),
    )
    assert isinstance(admitting.check(raw(action("a4")), at(), OFF), Accept)


def test_what_was_accepted_and_not_ended_is_named_and_becomes_interrupted() -> None:
    begun = outcome("a1", OutcomeState.ACCEPTED)
    admitting = admission(
        begun, outcome("a2", OutcomeState.ACCEPTED), outcome("a2", OutcomeState.FAILED)
    )
    assert admitting.unfinished() == [begun]
    end = interrupted(begun, START + 9)
    assert (end.state, end.at, end.action_id) == (OutcomeState.INTERRUPTED, START + 9, "a1")
    admitting.learn(end)
    assert admitting.unfinished() == []


@pytest.mark.parametrize(
    ("control", "seconds", "refusal"),
    [
        (ON, 5.0, AdmissionRefusal.KILL_SWITCH),
        (OFF, 601.0, AdmissionRefusal.EXPIRED),
        (OFF, 5.0, None),
    ],
)
def test_an_accepted_action_is_checked_again_before_it_is_done(
    control: ControlView, seconds: float, refusal: AdmissionRefusal | None
) -> None:
    again = admission().check_again(action(), at(seconds), control)
    assert (again.refusal if again else None) is refusal


def test_memory_of_identities_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detector.actuation.admission.REMEMBERED_IDS", 3)
    admitting = admission(*(outcome(f"a{n}", OutcomeState.REFUSED) for n in range(4)))
    assert isinstance(admitting.check(raw(action("a0")), at(), OFF), Accept)
    assert isinstance(admitting.check(raw(action("a1")), at(), OFF), Ignore)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.floats(0, 200)), max_size=40))
def test_no_identity_is_accepted_twice_and_the_budget_holds(
    arrivals: list[tuple[int, int, float]],
) -> None:
    admitting, seconds, accepted, newest = admission(), 0.0, [], 0
    for number, epoch, step in arrivals:
        seconds += step
        value = raw(action(f"a{number}", epoch=epoch, expires_at=START + 1e5))
        result = admitting.check(value, at(seconds), OFF)
        if isinstance(result, Accept):
            assert epoch >= newest
            newest = epoch
            accepted.append(result.action.id)
            admitting.learn(outcome(result.action.id, OutcomeState.ACCEPTED, epoch=epoch))
    assert len(accepted) == len(set(accepted))
    assert len(accepted) <= 2.0 + seconds / 300 + 1e-6


def test_a_local_budget_of_nothing_accepts_nothing() -> None:
    nothing = BucketLimits(0.0, 0.0)
    admitting = admission(outcome("a1", OutcomeState.ACCEPTED), budget=nothing)
    result = admitting.check(raw(action("a2")), at(), OFF)
    assert isinstance(result, Refuse)
    assert result.refusal is AdmissionRefusal.LOCAL_BUDGET_SPENT


def shifted(zone: str, *ends: OutcomeState, budget: float = 9.0) -> Admission:
    """Return what is known after a shift away from ``zone`` was accepted and ended so."""
    of = shift("s1", zone)
    journal = [outcome("s1", state, of=of) for state in (OutcomeState.ACCEPTED, *ends)]
    return admission(*journal, budget=BucketLimits(budget, 1.0))


@pytest.mark.parametrize("end", [None, OutcomeState.SUCCEEDED, OutcomeState.FAILED])
def test_no_second_zone_is_shifted_away_while_the_provider_may_have_shifted_one(
    end: OutcomeState | None,
) -> None:
    """Whatever the decider believes: it may not know what its predecessor still granted."""
    admitting = shifted("az3", *([end] if end else []))
    second = admitting.check(raw(shift("s2", "az1")), at(5), OFF)
    assert isinstance(second, Refuse)
    assert (second.refusal, second.detail) == (AdmissionRefusal.ANOTHER_ZONE_IS_AWAY, "az3")


@pytest.mark.parametrize("end", [OutcomeState.REFUSED, OutcomeState.EXPIRED])
def test_a_shift_that_was_surely_not_begun_keeps_no_zone_away(end: OutcomeState) -> None:
    result = shifted("az3", end).check(raw(shift("s2", "az1")), at(5), OFF)
    assert isinstance(result, Accept)


def test_the_same_zone_for_another_service_and_single_hosts_are_still_accepted() -> None:
    admitting = shifted("az3")
    same = shift("s2", "az3")
    assert isinstance(admitting.check(raw(same), at(5), OFF), Accept)
    assert isinstance(admitting.check(raw(action("a2")), at(5), OFF), Accept)


def test_a_shift_ends_by_itself_but_not_by_a_jump_of_the_clock() -> None:
    admitting = shifted("az3")
    late = raw(shift("s2", "az1", expires_at=START + 1e6))
    assert isinstance(admitting.check(late, at(3_599.0), OFF), Refuse)
    assert isinstance(shifted("az3").check(late, at(5.0, wall_jump=7_200.0), OFF), Refuse)
    admitting = shifted("az3")
    admitting.check(late, at(0.0), OFF)
    assert isinstance(admitting.check(late, at(3_601.0), OFF), Accept)


def test_a_shift_of_another_owner_that_stands_before_it_in_the_journal_stops_an_accepted_one() -> (
    None
):
    admitting, mine = admission(budget=BucketLimits(9.0, 1.0)), shift("s2", "az1")
    assert isinstance(admitting.check(raw(mine), at(), OFF), Accept)
    admitting.learn(outcome("s1", OutcomeState.ACCEPTED, of=shift("s1", "az3")))
    admitting.learn(outcome("s2", OutcomeState.ACCEPTED, of=mine))
    again = admitting.check_again(mine, at(1), OFF)
    assert again is not None
    assert again.refusal is AdmissionRefusal.ANOTHER_ZONE_IS_AWAY
