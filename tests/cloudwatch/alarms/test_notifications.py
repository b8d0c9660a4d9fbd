"""Items of a change: states, actions, what is held, and when it is published later."""

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


def notified(
    alarm: Alarm,
    before: MetricAlarmState,
    after: MetricAlarmState,
    context: NotificationContext | None = None,
    **more: Any,
) -> tuple[MetricAlarmState, list[str]]:
    result, items = notifications_after(
        alarm, before, after, context=context or NotificationContext(), **{"at_ms": 0, **more}
    )
    return result, [item.summary.replace("arn:aws:sns:us-east-1:1:", "") for item in items]


def to(before: MetricAlarmState, state: StateValue, at_ms: int = 0) -> MetricAlarmState:
    return before.moved(state, "because", "", at_ms)


def test_a_change_publishes_its_state_and_its_actions() -> None:
    before = alarm_state(OK)
    after, published = notified(metric_alarm(), before, to(before, ALARM))
    assert published == ["Alarm updated from OK to ALARM", "Action page published"]
    assert notified(metric_alarm(), after, after) == (after, [])


def test_what_a_mute_rule_holds_is_published_at_its_end_if_it_is_still_so() -> None:
    before = alarm_state(OK)
    held, published = notified(metric_alarm(), before, to(before, ALARM), MUTED)
    assert published == ["Alarm updated from OK to ALARM", "Action page muted by rule 'night'"]
    assert has_waiting_actions(held)
    assert notified(metric_alarm(), held, held, MUTED) == (held, [])
    free, published = notified(metric_alarm(), held, held)
    assert published == ["Action page published"]
    assert not has_waiting_actions(free)


def test_what_is_not_so_any_more_is_not_published_after_a_mute_rule() -> None:
    held = replace(alarm_state(OK), muted=ALARM)
    assert notified(metric_alarm(), held, held) == (replace(held, muted=None), [])


def test_a_move_after_a_mute_rule_publishes_itself_only() -> None:
    held = replace(alarm_state(ALARM), muted=ALARM)
    after, published = notified(metric_alarm(), held, to(held, OK))
    assert (after.muted, published[1:]) == (None, ["Action calm published"])


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
    held, published = notified(alarm, before, to(before, ALARM))
    assert published == ["Alarm updated from INSUFFICIENT_DATA to ALARM"]
    assert held.suppression == Suppression(StateValue.INSUFFICIENT_DATA, Hold.WAITING, 10_000)
    assert has_waiting_actions(held)
    by_alarm, published = notified(alarm, held, held, suppressor_in_alarm=True, at_ms=5_000)
    assert (published, has_waiting_actions(by_alarm)) == ([], False)
    _, published = notified(alarm, held, held, at_ms=10_000)
    assert published == ["Action page published"]
    _, published = notified(alarm, held, held, MUTED, at_ms=10_000)
    assert published == ["Action page muted by rule 'night'"]


def test_a_suppressor_that_is_new_begins_with_the_state_before() -> None:
    after, published = notified(suppressed(), alarm_state(OK), alarm_state(OK))
    assert (after.suppression, published) == (Suppression(OK), [])


def test_a_suppressor_that_is_gone_holds_nothing() -> None:
    before = replace(alarm_state(OK), suppression=Suppression(OK, Hold.SUPPRESSED))
    after, _ = notified(composite_alarm(), before, before)
    assert after.suppression is None


def contributors(*states: StateValue, muted: bool = False) -> MetricAlarmState:
    made = tuple(
        ContributorState(f"id{index}", (f"h{index}",), state, "because", 0, muted=muted)
        for index, state in enumerate(states)
    )
    summed_up = ALARM if ALARM in states else OK
    return replace(alarm_state(summed_up), labels=("host",), contributors=made)


def test_contributors_publish_their_own_changes_and_actions() -> None:
    alarm = contributor_alarm()
    _, published = notified(alarm, alarm_state(OK), contributors(ALARM, OK, ALARM))
    moved = ["Alarm contributor updated from OK to ALARM", "Action page published"]
    assert published == ["Alarm updated from OK to ALARM", *moved, *moved]
    _, published = notified(alarm, contributors(ALARM, ALARM), contributors(ALARM, OK))
    assert published == ["Alarm contributor updated from ALARM to OK"]


def test_what_is_muted_of_a_contributor_is_published_at_the_end() -> None:
    alarm = contributor_alarm()
    held, published = notified(alarm, alarm_state(OK), contributors(ALARM), MUTED)
    assert published[1:] == [
        "Alarm contributor updated from OK to ALARM",
        "Action page muted by rule 'night'",
    ]
    assert has_waiting_actions(held)
    assert notified(alarm, held, held, MUTED) == (held, [])
    free, published = notified(alarm, held, held)
    assert published == ["Action page published"]
    assert not has_waiting_actions(free)


@pytest.mark.parametrize("state", [OK, ALARM])
def test_a_state_that_a_user_set_acts_also_where_contributors_stand_for_themselves(
    state: StateValue,
) -> None:
    alarm = contributor_alarm(OKActions=["arn:aws:sns:us-east-1:1:calm"])
    before = contributors() if state is ALARM else replace(contributors(), state=ALARM)
    _, published = notified(alarm, before, to(before, state))
    assert published[1:] == [f"Action {'page' if state is ALARM else 'calm'} published"]
