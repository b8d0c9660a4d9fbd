"""What the decider keeps across restarts, and what there is to keep."""

import msgspec
import pytest

from detector.core.vocabulary import AlarmState, Decision, Mode, Refusal
from detector.decisions.budgets import BucketLimits
from detector.decisions.decide import DecideConfig, Decider
from detector.detection.alarms import ALARM_SCHEMA_1
from detector.detection.evidence_v1 import flat_evidence
from tests.support.deciders import after_restart, decider, verdicts
from tests.support.deciding import (
    OFF,
    at,
    change,
    target,
    zone_change,
)


def test_a_restart_refills_nothing_whatever_the_clock_says() -> None:
    made = decider()
    for name in ("h1", "h2", "h3"):
        made.observe(change(target(name)))
    made.decide(at(), OFF)
    restored = after_restart(made)
    assert restored.levels()["fleet"] == (0.0, 2.0)
    # A day later by the wall clock, or after a jump: nobody can tell.
    restored.observe(change(target("h4"), seconds=86_400))
    results = restored.decide(at(86_400), OFF)
    assert verdicts(results) == [
        ("h3", Decision.REFUSED, Refusal.STALE_EVIDENCE),
        ("h4", Decision.REFUSED, Refusal.BUDGET_SPENT),
    ]
    assert {result.decision.epoch for result in results} == {2}
    assert restored.levels()["fleet"] == (0.0, 2.0)


def test_a_jump_of_the_wall_clock_refills_nothing() -> None:
    made = decider()
    for name in ("h1", "h2", "h3"):
        made.observe(change(target(name)))
    made.decide(at(), OFF)
    made.decide(at(1, wall_jump=1e6), OFF)
    assert made.levels()["fleet"][0] == pytest.approx(1 / 600)


def test_a_decider_restored_at_any_moment_rules_as_the_one_that_went_on() -> None:
    made = decider(fleet_bucket=BucketLimits(1.0, 1 / 100))
    for number in range(3):
        made.observe(change(target(f"h{number}"), excess_faults=10.0 - number))
    made.decide(at(), OFF)
    restored = decider(fleet_bucket=BucketLimits(1.0, 1 / 100))
    restored.restore(made.snapshot())
    assert restored.decide(at(), OFF) == []
    for seconds in range(10, 300, 10):
        assert made.decide(at(seconds), OFF) == restored.decide(at(seconds), OFF)
    assert restored.snapshot() == made.snapshot()


def test_what_was_only_observed_is_done_once_enforcing_begins() -> None:
    made = decider(mode=Mode.OBSERVE, fleet_bucket=BucketLimits(2.0, 0.0))
    made.observe(zone_change("az1"))
    assert verdicts(made.decide(at(), OFF)) == [("az1", Decision.OBSERVED, None)]
    still_observing = after_restart(made, mode=Mode.OBSERVE)
    assert still_observing.decide(at(11), OFF) == []
    enforcing = after_restart(made, fleet_bucket=BucketLimits(2.0, 0.0))
    assert verdicts(enforcing.decide(at(11), OFF)) == [("az1", Decision.GRANTED, None)]
    assert enforcing.levels()["fleet"] == (0.0, 2.0)  # Spent tokens stay spent.


def test_a_snapshot_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 99, expected 1 or 2"):
        decider().restore({"version": 99})


def test_each_owner_takes_the_next_epoch() -> None:
    made = decider()
    assert made.epoch == 1
    assert after_restart(made).epoch == 2


def test_there_is_nothing_to_save_when_nothing_changed() -> None:
    made = decider()
    before = made.changes
    made.observe(change(target("h2"), action=None))
    made.decide(at(), OFF)
    assert made.changes == before
    assert made.is_settled
    made.observe(change())
    made.decide(at(1), OFF)
    assert made.changes > before
    assert not made.is_settled


def test_limits_are_settled_again_after_their_time() -> None:
    made = decider()
    made.observe(change())
    made.decide(at(), OFF)
    made.observe(change(state=AlarmState.OK, seconds=1))
    made.decide(at(3_599), OFF)
    assert not made.is_settled
    made.decide(at(3_620), OFF)
    assert made.is_settled


def test_the_configuration_is_shown() -> None:
    assert Decider().config == DecideConfig()


def test_only_a_snapshot_with_candidates_is_of_the_version_that_earlier_releases_refuse() -> None:
    """They cannot read candidates whose alarms have schema version 2."""
    busy = decider()
    assert busy.snapshot()["version"] == 1
    busy.observe(change())
    assert busy.snapshot()["version"] == 2


def test_candidates_of_an_earlier_release_are_read() -> None:
    """Their alarms have flat evidence: schema version 1."""
    busy = decider()
    busy.observe(change())
    snapshot = msgspec.to_builtins(busy.snapshot())
    [candidate] = snapshot["candidates"]["standing"]
    flat = msgspec.to_builtins(flat_evidence(change().evidence))
    old = {**candidate["change"], "schema": ALARM_SCHEMA_1, "evidence": flat}
    snapshot["candidates"]["standing"] = [{**candidate, "change": old}]
    again = decider()
    again.restore({**snapshot, "version": 1})
    assert again.snapshot()["candidates"] == busy.snapshot()["candidates"]
