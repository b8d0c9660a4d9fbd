"""The store follows from the records alone, whatever the order between keys."""

import itertools
from dataclasses import replace

import msgspec

from detector.cloudwatch.alarms.alarm_history import NotificationContext, configuration_item
from detector.cloudwatch.alarms.alarm_model import AlarmKind, kind_of
from detector.cloudwatch.alarms.alarm_records import (
    AlarmRecord,
    MetricAlarmStateRecord,
    MuteRecord,
    Record,
    ThroughRecord,
    decode_record,
    encode_record,
)
from detector.cloudwatch.alarms.alarm_state import PARTIAL_DATA, MetricAlarmState
from detector.cloudwatch.alarms.alarm_store import MetricAlarmStore
from detector.cloudwatch.alarms.m_of_n import StateValue
from tests.cloudwatch.alarms.builders import alarm_state
from tests.support.alarm_world import metric_alarm

ITEM = configuration_item("a", AlarmKind.METRIC, "created", {}, 0)


def alarm_record(name: str = "a", generation: str = "1") -> AlarmRecord:
    return AlarmRecord(AlarmKind.METRIC, metric_alarm(name), {"t": "v"}, generation, 0, 0)


def composite_record(name: str, rule: str) -> AlarmRecord:
    members = {"AlarmName": name, "AlarmRule": rule}
    return AlarmRecord(AlarmKind.COMPOSITE, members, {}, "1", 0, 0)


def mute_record(*targets: str) -> MuteRecord:
    schedule = {"Expression": "cron(* * * * *)", "Duration": "PT1M"}
    members = {
        "Name": "m",
        "Rule": {"Schedule": schedule},
        "MuteTargets": {"AlarmNames": list(targets)},
    }
    return MuteRecord(members, 0)


def store(**records: Record | None) -> MetricAlarmStore:
    made = MetricAlarmStore()
    for key, record in records.items():
        apply(made, key.replace("_", "/", 1), record)
    return made


def apply(made: MetricAlarmStore, key: str, record: Record | None) -> None:
    made.apply(key, None if record is None else encode_record(record))


def test_records_come_back_as_they_were() -> None:
    state = MetricAlarmStateRecord(
        "1", replace(alarm_state(), evaluation_state=PARTIAL_DATA), (ITEM,)
    )
    assert decode_record(encode_record(state), MetricAlarmStateRecord) == state
    assert decode_record(encode_record(alarm_record()), AlarmRecord) == alarm_record()
    assert decode_record(encode_record(mute_record("a")), MuteRecord) == mute_record("a")
    assert decode_record(encode_record(ThroughRecord(7)), ThroughRecord) == ThroughRecord(7)


def test_members_keep_their_names_on_the_wire() -> None:
    state = MetricAlarmState(StateValue.OK, "because", 1, 2)
    assert encode_record(MetricAlarmStateRecord("7", state)) == (
        b'{"incarnation":"7","standing":{"state":"OK","reason":"because","updated_ms":1,'
        b'"transitioned_ms":2,"reason_data":"","warm":false,"evaluation_state":"","muted":null,'
        b'"suppression":null,"labels":[],"contributors":[],"overflow":0},"outbox":[],"schema":1}'
    )
    assert encode_record(AlarmRecord(AlarmKind.METRIC, {"a": 1}, {"t": "v"}, "7", 1, 2)) == (
        b'{"kind":"MetricAlarm","members":{"a":1},"tags":{"t":"v"},"incarnation":"7",'
        b'"created_ms":1,"updated_ms":2,"deleted":false,"outbox":[],"schema":1}'
    )
    assert encode_record(mute_record("a")) == (
        b'{"members":{"Name":"m","Rule":{"Schedule":{"Expression":"cron(* * * * *)",'
        b'"Duration":"PT1M"}},"MuteTargets":{"AlarmNames":["a"]}},"updated_ms":0,"tags":{},'
        b'"schema":1}'
    )
    assert encode_record(ThroughRecord(7)) == b'{"through_ms":7,"schema":1}'


def test_an_alarm_has_the_state_of_its_record_in_any_order_of_keys() -> None:
    records: dict[str, Record] = {
        "alarm_a": alarm_record(),
        "state_a": MetricAlarmStateRecord("1", alarm_state(StateValue.ALARM), (ITEM,)),
    }
    for order in itertools.permutations(records):
        made = store(**{key: records[key] for key in order})
        assert made.state_of("a") is StateValue.ALARM
        assert made.entries["a"].state_outbox == (ITEM,)
        assert made.unreadable == 0


def test_a_state_of_another_generation_does_not_count() -> None:
    made = store(
        state_a=MetricAlarmStateRecord("0", alarm_state(StateValue.ALARM)),
        alarm_a=alarm_record(generation="1"),
    )
    assert made.state_of("a") is StateValue.INSUFFICIENT_DATA
    apply(made, "state/a", MetricAlarmStateRecord("0", alarm_state(StateValue.ALARM)))
    assert made.state_of("a") is StateValue.INSUFFICIENT_DATA


def test_tombstones_and_deletions_leave_nothing() -> None:
    made = store(alarm_a=alarm_record(), alarm_c=composite_record("c", "ALARM(a)"))
    apply(made, "state/a", MetricAlarmStateRecord("1", replace(alarm_state(), muted=StateValue.OK)))
    assert made.waiting == {"a"}
    apply(made, "alarm/a", msgspec.structs.replace(alarm_record(), deleted=True, outbox=(ITEM,)))
    assert (set(made.entries), set(made.deleted), made.waiting) == ({"c"}, {"a"}, set())
    for key in ("state/a", "alarm/a", "alarm/c", "state/never", "through"):
        apply(made, key, None)
    assert (made.entries, made.deleted, made.graph.parents("a")) == ({}, {}, [])
    assert made.state_of("a") is None


def test_alarms_that_wait_for_time_to_pass_are_known() -> None:
    made = store(alarm_a=alarm_record())
    for muted, waiting in ((StateValue.OK, {"a"}), (None, set())):
        apply(made, "state/a", MetricAlarmStateRecord("1", replace(alarm_state(), muted=muted)))
        assert waiting == made.waiting


def test_kinds_are_listed_by_name() -> None:
    made = store(
        alarm_b=alarm_record("b"), alarm_a=alarm_record(), alarm_c=composite_record("c", "TRUE")
    )
    assert [entry.name for entry in made.of_kind(AlarmKind.METRIC)] == ["a", "b"]
    [composite] = made.of_kind(AlarmKind.COMPOSITE)
    assert kind_of(composite.alarm) is AlarmKind.COMPOSITE
    assert made.graph.order(["c"]) == ["c"]


def test_a_mute_rule_mutes_its_targets_until_it_is_gone_or_another() -> None:
    made = store(alarm_a=alarm_record(), alarm_b=alarm_record("b"), mute_m=mute_record("a"))
    assert made.notification_context(made.entries["a"], 0) == NotificationContext("m")
    assert made.notification_context(made.entries["b"], 0) == NotificationContext()
    apply(made, "mute/m", mute_record("b", "a"))
    assert made.notification_context(made.entries["b"], 0) == NotificationContext("m")
    apply(made, "mute/m", None)
    assert made.notification_context(made.entries["a"], 0) == NotificationContext()
    assert made.mutes == {}


def test_an_alarm_may_be_muted_by_several_rules() -> None:
    made = store(alarm_a=alarm_record(), mute_m=mute_record("a"), mute_n=mute_record("a"))
    assert made.notification_context(made.entries["a"], 0) == NotificationContext("m")
    apply(made, "mute/m", None)
    assert made.notification_context(made.entries["a"], 0) == NotificationContext("n")


def test_the_newest_instant_that_is_done_is_known() -> None:
    made = store(through=ThroughRecord(7))
    assert made.through_ms == 7
    apply(made, "through", None)
    assert made.through_ms is None


def test_what_cannot_be_read_is_counted_and_leaves_the_rest() -> None:
    made = store(alarm_a=alarm_record())
    for key, raw in (
        ("alarm/x", b"{"),
        ("alarm/y", encode_record(composite_record("y", "ALARM("))),
        ("state/a", b"[]"),
        ("mute/m", encode_record(MuteRecord({}, 0))),
        ("through", encode_record(ThroughRecord(7, schema=2))),
        ("other", b""),
    ):
        made.apply(key, raw)
    assert (made.unreadable, set(made.entries)) == (6, {"a"})
