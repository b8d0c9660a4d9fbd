"""History items: their content, ids and bounds."""

import json
from dataclasses import replace

import pytest

from detector.cloudwatch.alarms.alarm_history import (
    KEPT_MS,
    AlarmHistory,
    HistoryItem,
    ItemType,
    NotificationContext,
    action_items,
    configuration_item,
    decode_item,
    encode_item,
    state_item,
)
from detector.cloudwatch.alarms.alarm_model import AlarmKind
from detector.cloudwatch.alarms.m_of_n import StateValue
from tests.cloudwatch.alarms.builders import alarm_state, composite_alarm, metric_alarm

PAGE = "arn:aws:sns:us-east-1:1:page"


def item(name: str, at_ms: int = 0) -> HistoryItem:
    return replace(configuration_item("a", AlarmKind.METRIC, "created", {}, at_ms), id=name)


def test_a_move_is_published_with_both_states_and_their_numbers() -> None:
    before = replace(alarm_state(StateValue.OK, "calm"), reason_data='{"a": 1}')
    after = replace(alarm_state(StateValue.ALARM, "bad"), reason_data="no json")
    item = state_item(metric_alarm(), before, after, 60_000)
    assert (item.summary, item.type) == ("Alarm updated from OK to ALARM", ItemType.STATE)
    assert json.loads(item.data) == {
        "version": "1.0",
        "oldState": {"stateValue": "OK", "stateReason": "calm", "stateReasonData": {"a": 1}},
        "newState": {"stateValue": "ALARM", "stateReason": "bad", "stateReasonData": "no json"},
    }
    assert decode_item(encode_item(item)) == item
    assert state_item(composite_alarm(), before, after, 0).kind is AlarmKind.COMPOSITE


@pytest.mark.parametrize(
    ("reason", "numbers"), [("x" * 1_023, "1" * 1_900), ('"' * 1_023, "[" + "1," * 1_990 + "1]")]
)
def test_a_move_is_published_within_the_bounds_of_the_api(reason: str, numbers: str) -> None:
    long = replace(alarm_state(StateValue.OK, reason), reason_data=numbers)
    item = state_item(metric_alarm(), long, replace(long, state=StateValue.ALARM), 0)
    assert len(item.data) <= 4_095
    assert json.loads(item.data)["newState"]["stateValue"] == "ALARM"


def test_a_configuration_that_is_too_long_is_published_by_its_name() -> None:
    item = configuration_item("a", AlarmKind.METRIC, "created", {"AlarmRule": "x" * 5_000}, 0)
    assert json.loads(item.data)["alarm"] == {"AlarmName": "a"}
    short = configuration_item("a", AlarmKind.METRIC, "updated", {"AlarmRule": "x"}, 0)
    assert json.loads(short.data) == {
        "version": "1.0",
        "type": "updated",
        "alarm": {"AlarmRule": "x"},
    }
    assert short.summary == "Alarm 'a' updated"


def test_an_action_says_whom_why_and_with_which_tags() -> None:
    [item] = action_items(
        metric_alarm(),
        alarm_state(StateValue.ALARM, "bad"),
        StateValue.ALARM,
        context=NotificationContext(tags={"team": "a"}),
        at_ms=60_000,
    )
    assert item.summary == f"Action {PAGE} published"
    assert json.loads(item.data) == {
        "version": "1.0",
        "actionState": "Published",
        "notificationResource": PAGE,
        "stateUpdateTimestamp": "1970-01-01T00:01:00.000+0000",
        "stateValue": "ALARM",
        "stateReason": "bad",
        "tags": {"team": "a"},
    }


def test_an_action_that_is_muted_says_by_whom() -> None:
    [item] = action_items(
        metric_alarm(),
        alarm_state(),
        StateValue.OK,
        context=NotificationContext("night"),
        at_ms=60_000,
    )
    assert item.summary.endswith("calm muted by rule 'night'")
    assert json.loads(item.data)["mutedBy"] == "night"


def test_tags_that_are_too_many_are_left_out() -> None:
    tags = {f"key-{number}": "v" * 256 for number in range(50)}
    [item] = action_items(
        metric_alarm(),
        alarm_state(),
        StateValue.OK,
        context=NotificationContext(tags=tags),
        at_ms=0,
    )
    assert "tags" not in json.loads(item.data)


def test_disabled_actions_are_not_published() -> None:
    alarm = metric_alarm(ActionsEnabled=False)
    assert not [
        *action_items(alarm, alarm_state(), StateValue.OK, context=NotificationContext(), at_ms=0)
    ]


def test_the_first_of_an_identity_is_kept_and_the_newest_of_a_number() -> None:
    history = AlarmHistory(2)
    assert history.add(item("a", 1))
    assert not history.add(item("a", 2))
    assert history.add(item("b", 2))
    assert not history.is_beyond(item("x", 0))
    assert history.add(item("c", 3))
    assert (len(history), history.dropped, "a" in history) == (2, 1, False)
    assert [each.id for each in history.items()] == ["b", "c"]
    assert history.is_beyond(item("a", 1))
    assert not history.is_beyond(item("d", 2))
    history.forget(KEPT_MS + 3)
    assert history.is_beyond(item("d", 2))


def test_nothing_is_kept_longer_than_two_weeks() -> None:
    history = AlarmHistory(10)
    for at_ms in (1, 2, 3):
        history.add(item(str(at_ms), at_ms))
    history.forget(KEPT_MS + 3)
    assert [each.id for each in history.items()] == ["3"]
    history.forget(KEPT_MS + 4)
    assert len(history) == 0
