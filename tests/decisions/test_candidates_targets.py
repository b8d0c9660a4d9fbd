"""A target that several detectors name is one candidate, ruled upon and paid for once."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.vocabulary import AlarmState, Decision, Refusal
from detector.decisions.candidates import Candidates
from detector.detection.alarms import AlarmChange
from tests.support.deciders import decider
from tests.support.deciding import OFF, at, change, target, zone_change

DETECTORS = ("r66", "share", "sequential")


def raised(detector: str, host: str = "h1", seconds: float = 0.0, **numbers: object) -> AlarmChange:
    goal = target(host)
    return change(goal, alarm_id=f"{detector}|{goal.key}", seconds=seconds, **numbers)  # type: ignore[arg-type]


def observed(*changes: AlarmChange) -> Candidates:
    candidates = Candidates()
    for each in changes:
        candidates.observe(each)
    return candidates


def spoken(candidates: Candidates) -> list[str]:
    return [candidate.change.alarm_id.partition("|")[0] for candidate in candidates.ranked()]


def test_three_alarms_of_one_host_are_one_candidate() -> None:
    candidates = observed(*(raised(name) for name in DETECTORS))
    assert (3, 1) == (len(candidates), len(candidates.ranked()))


@pytest.mark.parametrize(
    ("changes", "speaks"),
    [
        ([raised("r66", confirmed=False, seconds=60), raised("share")], "share"),
        ([raised("r66"), raised("share", seconds=10)], "share"),
        ([raised("r66", excess_faults=9.0), raised("share", excess_faults=8.0)], "r66"),
        ([raised("r66", excess_faults=float("nan")), raised("share", excess_faults=8.0)], "share"),
    ],
)
def test_the_confirmed_alarm_with_the_newest_evidence_speaks(
    changes: list[AlarmChange], speaks: str
) -> None:
    assert [speaks] == spoken(observed(*changes))
    assert [speaks] == spoken(observed(*reversed(changes)))


def test_what_was_ruled_holds_for_the_target_and_for_alarms_that_join_later() -> None:
    candidates = observed(raised("r66"), raised("share"))
    [stands] = candidates.ranked()
    ruled = msgspec.structs.replace(stands, verdict=Decision.REFUSED, attempts=2)
    candidates.put(msgspec.structs.replace(ruled, refusal=Refusal.BUDGET_SPENT))
    candidates.observe(raised("sequential", seconds=10))
    [stands] = candidates.ranked()
    assert ("sequential", 2, Refusal.BUDGET_SPENT) == (
        *spoken(candidates),
        stands.attempts,
        stands.refusal,
    )


def test_the_target_stands_as_long_as_one_of_its_alarms() -> None:
    candidates = observed(raised("r66"), raised("share"))
    candidates.observe(raised("r66", state=AlarmState.OK, seconds=10))
    assert ["share"] == spoken(candidates)


def test_a_zone_and_a_host_in_it_are_two() -> None:
    candidates = observed(raised("r66"), zone_change("az1"))
    assert 2 == len(candidates.ranked())


def test_the_others_of_a_target_are_kept_after_all_that_speak() -> None:
    candidates = observed(raised("r66"), raised("share"), raised("r66", "h2", excess_faults=1.0))
    saved = Candidates.restored(candidates.snapshot(2))
    assert {"h1", "h2"} == {c.change.target.host for c in saved.ranked() if c.change.target}
    assert candidates.keep_worst(2, lambda _: True)
    assert 2 == len(candidates) == len(candidates.ranked())


def test_a_host_that_four_detectors_name_costs_one_token_and_one_decision() -> None:
    made = decider()
    for name in (*DETECTORS, "r66k"):
        made.observe(raised(name))
    [result] = made.decide(at(), OFF)
    assert Decision.GRANTED is result.decision.verdict
    assert 1.0 == made.levels()["fleet"][0]
    made.observe(raised("share", seconds=60))
    assert [] == made.decide(at(61), OFF)


def test_evidence_from_before_the_action_asks_for_no_second_one() -> None:
    """Another detector tells two minutes later, of a window that ended before the replacement."""
    made = decider(repeat_after_seconds=60.0, evidence_max_age_seconds=600.0)
    made.observe(raised("r66"))
    assert [Decision.GRANTED] == [r.decision.verdict for r in made.decide(at(5), OFF)]
    made.observe(raised("share", seconds=4.0))
    assert [] == made.decide(at(120), OFF)
    made.observe(raised("share", seconds=70.0))
    assert [Decision.GRANTED] == [r.decision.verdict for r in made.decide(at(121), OFF)]


@given(
    st.lists(st.tuples(st.sampled_from(DETECTORS), st.sampled_from(["h1", "h2"])), max_size=12),
    st.integers(0, 12),
)
def test_a_restart_among_alarms_of_the_same_targets_changes_no_decision(
    names: list[tuple[str, str]], cut: int
) -> None:
    changes = [raised(name, host, seconds=10.0 * n) for n, (name, host) in enumerate(names)]
    whole, first, second = decider(), decider(), decider()
    expected, seen = [], []
    for number, each in enumerate(changes):
        whole.observe(each)
        expected += whole.decide(at(10.0 * number), OFF)
    for number, each in enumerate(changes[:cut]):
        first.observe(each)
        seen += first.decide(at(10.0 * number), OFF)
    second.restore(msgspec.json.decode(msgspec.json.encode(first.snapshot())))
    for number, each in enumerate(changes[cut:], len(changes[:cut])):
        second.observe(each)
        seen += second.decide(at(10.0 * number), OFF)
    assert [r.decision.id for r in expected] == [r.decision.id for r in seen]
