"""What is told of a move: states, actions, what is held and when it is told after all."""

from dataclasses import replace
from typing import Any

import pytest

from detector.cloudwatch.alarms.alarm_history import NotificationContext
from detector.cloudwatch.alarms.alarm_model import Alarm
from detector.cloudwatch.alarms.alarm_state import (
    ContributorState,
    MetricAlarmState,
    first_state,
)
from detector.cloudwatch.alarms.m_of_n import StateValue
from detector.cloudwatch.alarms.notifications import has_waiting_actions, notifications_after
from detector.cloudwatch.alarms.suppression import Hold, Suppression
from tests.cloudwatch.alarms.builders import (
    alarm_state,
    composite_alarm,
    contributor_alarm,
    metric_alarm,
)

OK, ALARM = StateValue.OK, StateValue.ALARM
MUTED = NotificationContext("night")


def tell(
    alarm: Alarm,
    before: MetricAlarmState,
    after: MetricAlarmState,
    told: NotificationContext | None = None,
    **more: Any,
) -> tuple[MetricAlarmState, list[str]]:
    result, items = notifications_after(
        alarm, before, after, context=told or NotificationContext(), **{"at_ms": 0, **more}
    )
    return result, [item.summary.replace("arn:aws:sns:us-east-1:1:", "") for item in items]


def to(before: MetricAlarmState, state: StateValue, at_ms: int = 0) -> MetricAlarmState:
    return before.moved(state, "because", "", at_ms)


def test_a_move_tells_its_state_and_its_actions() -> None:
    before = alarm_state(OK)
    after, told = tell(metric_alarm(), before, to(before, ALARM))
    assert told == ["Alarm updated from OK to ALARM", "Action page published"]
    assert tell(metric_alarm(), after, after) == (after, [])


def test_what_a_mute_rule_holds_is_told_at_its_end_if_it_is_still_so() -> None:
    before = alarm_state(OK)
    held, told = tell(metric_alarm(), before, to(before, ALARM), MUTED)
    assert told == ["Alarm updated from OK to ALARM", "Action page muted by rule 'night'"]
    assert has_waiting_actions(held)
    assert tell(metric_alarm(), held, held, MUTED) == (held, [])
    free, told = tell(metric_alarm(), held, held)
    assert told == ["Action page published"]
    assert not has_waiting_actions(free)


def test_what_is_not_so_any_more_is_not_told_after_a_mute_rule() -> None:
    held = replace(alarm_state(OK), muted=ALARM)
    assert tell(metric_alarm(), held, held) == (replace(held, muted=None), [])


def test_a_move_after_a_mute_rule_tells_itself_only() -> None:
    held = replace(alarm_state(ALARM), muted=ALARM)
    after, told = tell(metric_alarm(), held, to(held, OK))
    assert (after.muted, told[1:]) == (None, ["Action calm published"])


def suppressed(**changes: Any) -> Any:
    return composite_alarm(
        ActionsSuppressor="s",
        ActionsSuppressorWaitPeriod=10,
        ActionsSuppressorExtensionPeriod=10,
        AlarmActions=["arn:aws:sns:us-east-1:1:page"],
        **changes,
    )


def test_a_suppressor_holds_the_actions_of_a_composite_alarm() -> None:
    alarm = suppressed()
    before = first_state(alarm, 0)
    held, told = tell(alarm, before, to(before, ALARM))
    assert told == ["Alarm updated from INSUFFICIENT_DATA to ALARM"]
    assert held.suppression == Suppression(StateValue.INSUFFICIENT_DATA, Hold.WAITING, 10_000)
    assert has_waiting_actions(held)
    by_alarm, told = tell(alarm, held, held, suppressor_in_alarm=True, at_ms=5_000)
    assert (told, has_waiting_actions(by_alarm)) == ([], False)
    _, told = tell(alarm, held, held, at_ms=10_000)
    assert told == ["Action page published"]
    _, told = tell(alarm, held, held, MUTED, at_ms=10_000)
    assert told == ["Action page muted by rule 'night'"]


def test_a_suppressor_that_is_new_begins_with_the_state_before() -> None:
    after, told = tell(suppressed(), alarm_state(OK), alarm_state(OK))
    assert (after.suppression, told) == (Suppression(OK), [])


def test_a_suppressor_that_is_gone_holds_nothing() -> None:
    before = replace(alarm_state(OK), suppression=Suppression(OK, Hold.SUPPRESSED))
    after, _ = tell(composite_alarm(), before, before)
    assert after.suppression is None


def contributors(*states: StateValue, muted: bool = False) -> MetricAlarmState:
    made = tuple(
        ContributorState(f"id{index}", (f"h{index}",), state, "because", 0, muted=muted)
        for index, state in enumerate(states)
    )
    summed_up = ALARM if ALARM in states else OK
    return replace(alarm_state(summed_up), labels=("host",), contributors=made)


def test_contributors_tell_their_own_moves_and_actions() -> None:
    alarm = contributor_alarm()
    _, told = tell(alarm, alarm_state(OK), contributors(ALARM, OK, ALARM))
    moved = ["Alarm contributor updated from OK to ALARM", "Action page published"]
    assert told == ["Alarm updated from OK to ALARM", *moved, *moved]
    _, told = tell(alarm, contributors(ALARM, ALARM), contributors(ALARM, OK))
    assert told == ["Alarm contributor updated from ALARM to OK"]


def test_what_is_muted_of_a_contributor_is_told_at_the_end() -> None:
    alarm = contributor_alarm()
    held, told = tell(alarm, alarm_state(OK), contributors(ALARM), MUTED)
    assert told[1:] == [
        "Alarm contributor updated from OK to ALARM",
        "Action page muted by rule 'night'",
    ]
    assert has_waiting_actions(held)
    assert tell(alarm, held, held, MUTED) == (held, [])
    free, told = tell(alarm, held, held)
    assert told == ["Action page published"]
    assert not has_waiting_actions(free)


@pytest.mark.parametrize("state", [OK, ALARM])
def test_a_state_that_a_user_set_acts_also_where_contributors_stand_for_themselves(
    state: StateValue,
) -> None:
    alarm = contributor_alarm(OKActions=["arn:aws:sns:us-east-1:1:calm"])
    before = contributors() if state is ALARM else replace(contributors(), state=ALARM)
    _, told = tell(alarm, before, to(before, state))
    assert told[1:] == [f"Action {'page' if state is ALARM else 'calm'} published"]
