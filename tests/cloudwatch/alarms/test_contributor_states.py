"""One alarm_state per contributor: persistence, pending and recovery periods, the bound."""

import random
from collections.abc import Mapping
from typing import Any

import pytest

from detector.cloudwatch.alarms.alarm_state import MetricAlarmState, first_state
from detector.cloudwatch.alarms.contributor_states import (
    PENDING,
    ContributorValue,
    ContributorWindow,
    attributes_of,
    contributor_alarm_after,
    contributor_id,
)
from detector.cloudwatch.alarms.m_of_n import StateValue
from tests.cloudwatch.alarms.builders import contributor_alarm

STEP = 10_000


def window(**values: float) -> ContributorWindow:
    rows = tuple(ContributorValue((name,), value) for name, value in values.items())
    return ContributorWindow(("$.host",), sum(values.values()), rows)


def value_alarm(pending: int = 0, recovery: int = 0, **changes: Any) -> Any:
    return contributor_alarm(
        criteria={
            "Query": 'insight_rule_contributor_value{rule="r"} > 5',
            "PendingPeriod": pending,
            "RecoveryPeriod": recovery,
        },
        **changes,
    )


def course(alarm: Any, windows: list[ContributorWindow | None], limit: int = 100) -> list[str]:
    """Who is in ALARM after each window, in order."""
    found, alarm_state = [], first_state(alarm, 0)
    for index, each in enumerate(windows):
        alarm_state = contributor_alarm_after(
            alarm, alarm_state, each, created_ms=0, at_ms=(index + 1) * STEP, limit=limit
        )
        found.append("".join(sorted(names(alarm_state))))
    return found


def names(alarm_state: MetricAlarmState) -> list[str]:
    return [each.keys[0] for each in alarm_state.contributors if each.state is StateValue.ALARM]


def test_persistence_never_passes_from_one_contributor_to_another() -> None:
    a, b = window(a=9.0, z=1.0), window(b=9.0, z=1.0)
    assert course(value_alarm(pending=20), [a, b, a, b, a, a, a]) == [*[""] * 6, "a"]


def test_a_contributor_recovers_when_it_was_calm_for_long_enough() -> None:
    bad, calm = window(a=9.0), window(a=1.0)
    alarm = value_alarm(recovery=20)
    assert course(alarm, [bad, calm, calm, bad, calm, calm, window(z=1.0)]) == [*["a"] * 6, ""]


def test_who_is_absent_from_a_window_that_is_known_does_not_breach() -> None:
    assert course(value_alarm(), [window(a=9.0), window()]) == ["a", ""]


def test_a_window_that_is_not_known_proves_nothing() -> None:
    bad, calm = window(a=9.0), window(a=1.0)
    assert course(value_alarm(pending=20), [bad, bad, None, bad, bad, bad]) == [*[""] * 5, "a"]
    alarm = value_alarm(recovery=20)
    assert course(alarm, [bad, calm, calm, None, calm, calm, calm]) == [*["a"] * 6, ""]
    unknown = contributor_alarm_after(alarm, first_state(alarm, 0), None, created_ms=0, at_ms=STEP)
    assert (unknown.evaluation_state, unknown.state) == ("PARTIAL_DATA", StateValue.OK)


def test_a_share_is_a_part_of_the_whole_sum() -> None:
    alarm = contributor_alarm()
    assert course(alarm, [window(a=67.0, b=33.0), window(a=66.0, b=34.0)]) == ["a", ""]
    rows = (ContributorValue(("a",), 9.0),)
    assert course(alarm, [ContributorWindow((), 100.0, rows)]) == [""]
    assert course(alarm, [ContributorWindow((), 0.0, rows)]) == [""]


def test_the_worst_are_in_alarm_and_the_others_are_counted() -> None:
    alarm = value_alarm()
    everybody = window(a=6.0, b=9.0, c=7.0, d=8.0, e=1.0)
    alarm_state = contributor_alarm_after(
        alarm, first_state(alarm, 0), everybody, created_ms=0, at_ms=STEP, limit=2
    )
    assert (sorted(names(alarm_state)), alarm_state.overflow) == (["b", "d"], 2)
    assert alarm_state.reason == (
        "2 contributors of rule r are in ALARM, 2 more breach beyond the limit of 2"
    )
    after = contributor_alarm_after(
        alarm, alarm_state, window(a=6.0, b=9.0, c=7.0), created_ms=0, at_ms=2 * STEP, limit=2
    )
    assert (sorted(names(after)), after.overflow) == (["b", "c"], 1)
    assert after.reason.endswith("1 more breach beyond the limit of 2")
    assert (after.evaluation_state, after.transitioned_ms) == ("PARTIAL_DATA", STEP)


def test_what_is_pending_is_bounded() -> None:
    alarm = value_alarm(pending=60)
    flood = window(**{f"h{number}": 9.0 for number in range(PENDING + 50)})
    alarm_state = contributor_alarm_after(
        alarm, first_state(alarm, 0), flood, created_ms=0, at_ms=STEP
    )
    assert len(alarm_state.contributors) == PENDING


def test_reasons_say_what_was_measured_and_for_how_long() -> None:
    alarm = value_alarm(pending=10, recovery=10)
    alarm_state = first_state(alarm, 0)
    assert (alarm_state.state, alarm_state.reason[:13]) == (StateValue.OK, "not evaluated")
    reasons = []
    for index, each in enumerate((9.0, 9.0, 1.0, 1.0)):
        alarm_state = contributor_alarm_after(
            alarm, alarm_state, window(a=each), created_ms=0, at_ms=(index + 1) * STEP
        )
        reasons.append([each.reason for each in alarm_state.contributors])
    assert reasons == [
        [""],
        ["its value is 9, > 5 for 10 s"],
        ["its value is 9, > 5 for 10 s"],
        ["its value has not been > 5 for 10 s"],
    ]
    assert alarm_state.state is StateValue.OK
    assert attributes_of(alarm_state, alarm_state.contributors[0]) == {"$.host": "a"}


def test_a_warm_up_waits_for_the_first_window_or_the_clock() -> None:
    alarm = value_alarm(WarmUpConfiguration={"WarmUpPeriodDurationInMinutes": 1})
    before = first_state(alarm, 0)
    assert before.state is StateValue.INSUFFICIENT_DATA
    assert contributor_alarm_after(alarm, before, None, created_ms=0, at_ms=STEP) is before
    after = contributor_alarm_after(alarm, before, window(a=9.0), created_ms=0, at_ms=STEP)
    assert (after.state, after.warm) == (StateValue.ALARM, True)


def test_long_keys_are_cut_to_be_shown_and_distinguished_by_their_whole() -> None:
    long = "x" * 1_000
    rows = tuple(ContributorValue((long + end,), 9.0) for end in "ab")
    alarm = value_alarm()
    alarm_state = contributor_alarm_after(
        alarm,
        first_state(alarm, 0),
        ContributorWindow(("k",), 18.0, rows),
        created_ms=0,
        at_ms=STEP,
    )
    assert len({each.id for each in alarm_state.contributors}) == 2
    assert {len(each.keys[0]) for each in alarm_state.contributors} == {256}
    assert {len(contributor_id((long, ""))), len(contributor_id(()))} == {16}


def test_a_muted_contributor_is_remembered_until_it_was_published() -> None:
    alarm = value_alarm()
    alarm_state = first_state(alarm, 0)
    alarm_state = contributor_alarm_after(
        alarm, alarm_state, window(a=9.0), created_ms=0, at_ms=STEP
    )
    from dataclasses import replace  # noqa: PLC0415

    calm = contributor_alarm_after(alarm, alarm_state, window(), created_ms=0, at_ms=2 * STEP)
    muted = replace(calm, contributors=tuple(replace(e, muted=True) for e in calm.contributors))
    for each in (window(), None):
        kept = contributor_alarm_after(alarm, muted, each, created_ms=0, at_ms=3 * STEP)
        assert [(one.keys, one.muted) for one in kept.contributors] == [(("a",), True)]


def expected_course(
    windows: list[Mapping[str, float] | None], pending: int, recovery: int
) -> list[str]:
    """Every contributor by itself, from the whole past: who has been bad, or calm, for how long."""
    found = []
    everybody = sorted({name for each in windows if each for name in each})
    for name in everybody:
        state, run = "OK", 0
        line = []
        for each in windows:
            if each is None:
                run = 0
            else:
                bad = each.get(name, 0.0) > 5
                run = run + 1 if (bad == (state == "OK")) else 0
            if state == "OK" and run > pending:
                state, run = "ALARM", 0
            elif state == "ALARM" and run > recovery:
                state, run = "OK", 0
            line.append(name if state == "ALARM" else "")
        found.append(line)
    return ["".join(each) for each in zip(*found, strict=True)]


def test_random_courses_agree_with_each_contributor_computed_alone(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(300):
        pending, recovery = chance.randint(0, 3), chance.randint(0, 3)
        windows: list[Mapping[str, float] | None] = [
            None
            if chance.random() < 0.1
            else {name: chance.choice((1.0, 9.0)) for name in "abc" if chance.random() < 0.8}
            for _ in range(20)
        ]
        windows[0] = {"a": 1.0, "b": 1.0, "c": 1.0}
        given = [None if each is None else window(**each) for each in windows]
        alarm = value_alarm(pending * 10, recovery * 10)
        assert course(alarm, given) == expected_course(windows, pending, recovery), (
            pending,
            recovery,
        )


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_never_more_than_the_limit_are_in_alarm(limit: int) -> None:
    everybody = window(a=6.0, b=9.0, c=7.0, d=8.0)
    assert {len(each) for each in course(value_alarm(), [everybody] * 3, limit)} == {limit}
