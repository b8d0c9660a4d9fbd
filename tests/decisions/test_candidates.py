"""Candidates: who stands, who is worst, and which changes were seen."""

import msgspec

from detector.core.vocabulary import ActionKind, AlarmState, Decision, Refusal
from detector.decisions.candidates import REMEMBERED_ALARMS, Candidate, Candidates
from tests.support.deciding import START, change, target, without_target, zone_change


def test_an_alarm_that_asks_for_something_stands_until_it_leaves_alarm() -> None:
    candidates = Candidates()
    assert candidates.observe(change())
    assert len(candidates) == 1
    assert candidates.observe(change(state=AlarmState.INSUFFICIENT_DATA, seconds=10))
    assert len(candidates) == 0
    assert not candidates.observe(change(state=AlarmState.OK, seconds=20))


def test_an_alarm_that_asks_for_nothing_is_no_candidate() -> None:
    candidates = Candidates()
    assert not candidates.observe(change(action=None))
    assert len(candidates) == 0


def test_a_change_is_taken_once() -> None:
    candidates = Candidates()
    candidates.observe(change())
    before = candidates.snapshot(9)
    assert not candidates.observe(change())
    assert candidates.snapshot(9) == before


def test_an_older_change_does_not_bring_an_alarm_back() -> None:
    candidates = Candidates()
    candidates.observe(change())
    candidates.observe(change(state=AlarmState.OK, seconds=10))
    assert not candidates.observe(change())
    assert not candidates.observe(change(state=AlarmState.OK, seconds=10))
    assert len(candidates) == 0
    assert candidates.observe(change(seconds=20))


def test_newer_evidence_keeps_the_last_decision() -> None:
    candidates = Candidates()
    candidates.observe(change())
    [stands] = candidates.ranked()
    candidates.put(
        msgspec.structs.replace(
            stands, verdict=Decision.REFUSED, refusal=Refusal.BUDGET_SPENT, attempts=3
        )
    )
    candidates.observe(change(seconds=60, excess_faults=90.0))
    [stands] = candidates.ranked()
    assert (stands.attempts, stands.refusal) == (3, Refusal.BUDGET_SPENT)
    assert stands.change.evidence.excess_faults == 90.0
    assert stands.age_seconds(START + 100) == 40.0


def test_the_worst_comes_first_and_a_number_that_is_none_comes_last() -> None:
    candidates = Candidates()
    for name, excess in {"a": 5.0, "b": 50.0, "c": float("nan"), "d": 50.0}.items():
        candidates.observe(change(target(name), excess_faults=excess))
    assert [c.change.target.host for c in candidates.ranked() if c.change.target] == [
        "b",
        "d",
        "a",
        "c",
    ]


def test_the_sick_are_counted_as_evidence_says_or_as_alarms_stand() -> None:
    candidates = Candidates()
    assert candidates.fleet_counts().sick_by_service == {}
    candidates.observe(change(target("h1")))
    candidates.observe(change(target("h2")))
    candidates.observe(change(target("h2"), alarm_id="the same host under another rule"))
    candidates.observe(change(target("h3"), confirmed=False))
    candidates.observe(change(target("h4", service="cart")))
    assert candidates.fleet_counts().sick_by_service == {"checkout": 2, "cart": 1}
    candidates.observe(change(target("h5"), suspects=40))
    assert candidates.fleet_counts().sick_by_service["checkout"] == 40


def test_a_zone_alarm_marks_its_zone_for_as_long_as_it_stands() -> None:
    """Also while its test hesitates: the alarm is left only after five windows without it."""
    candidates = Candidates()
    candidates.observe(change())
    candidates.observe(without_target(zone_change("az3")))
    assert candidates.fleet_counts().impaired_zones == set()
    candidates.observe(zone_change("az2", "cart"))
    candidates.observe(zone_change("az2", "cart", seconds=10, confirmed=False))
    assert candidates.fleet_counts().impaired_zones == {"az2"}
    left = msgspec.structs.replace(zone_change("az2", "cart", seconds=20), state=AlarmState.OK)
    candidates.observe(left)
    assert candidates.fleet_counts().impaired_zones == set()


def test_zone_alarms_and_the_worst_fresh_hosts_are_kept() -> None:
    candidates = Candidates()
    candidates.observe(zone_change("az1", excess_faults=1.0))
    for number in range(5):
        candidates.observe(change(target(f"h{number}"), excess_faults=float(number)))
    assert not candidates.keep_worst(6, lambda _: True)
    assert candidates.keep_worst(
        3, lambda c: c.change.target is not None and c.change.target.host != "h4"
    )
    kept = {c.change.target.key for c in candidates.ranked() if c.change.target}
    assert kept == {"checkout/az1", "checkout/az1/h3", "checkout/az1/h2"}


def test_a_snapshot_continues_where_it_was_taken() -> None:
    candidates = Candidates()
    candidates.observe(change(target("h1"), excess_faults=9.0))
    candidates.observe(change(target("h2"), excess_faults=1.0))
    snapshot = msgspec.msgpack.decode(msgspec.msgpack.encode(candidates.snapshot(9)))
    restored = Candidates.restored(snapshot)
    assert restored.ranked() == candidates.ranked()
    assert not restored.observe(change(target("h1"), excess_faults=9.0))


def test_a_candidate_that_a_snapshot_left_out_is_taken_again() -> None:
    candidates = Candidates()
    candidates.observe(change(target("h1"), excess_faults=9.0))
    left_out = change(target("h2"), excess_faults=1.0)
    candidates.observe(left_out)
    restored = Candidates.restored(candidates.snapshot(1))
    assert len(restored) == 1
    assert restored.observe(left_out)


def test_memory_of_changes_is_bounded() -> None:
    candidates = Candidates()
    for number in range(REMEMBERED_ALARMS + 10):
        candidates.observe(change(target(f"h{number}"), state=AlarmState.OK))
    assert len(candidates.snapshot(9)["last_changes"]) == REMEMBERED_ALARMS


def test_texts_that_only_explain_are_cut() -> None:
    candidates = Candidates()
    candidates.observe(
        change(
            runner_up=("x" * 9_999,) * 99,
            blamed_caller="y" * 9_999,
            missing_partitions=tuple(f"logs-{n}" for n in range(9_999)),
        )
    )
    assert len(msgspec.msgpack.encode(candidates.snapshot(9))) < 6_000


def test_a_candidate_knows_its_service_kind_and_last_verdict() -> None:
    stands = Candidate(change())
    assert (stands.service, stands.kind) == ("checkout", ActionKind.REPLACE_HOST)
    assert not stands.was_granted
    assert Candidate(without_target(change())).service == ""
    assert Candidate(change(), verdict=Decision.OBSERVED).was_granted
