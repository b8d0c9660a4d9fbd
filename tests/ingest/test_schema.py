"""What is learned from one document, and from which ones nothing can be learned."""

import dataclasses
from typing import Any

import pytest

from detector.ingest.schema import MemberKind, RecordSchema, can_compile, learn_schema
from detector.logs.fields import FieldMapping
from detector.rules.rules import (
    ContributorRule,
    Filter,
    Operator,
    Percentiles,
    Ratio,
    RuleSet,
)
from tests.builders import document, rule


def learned(
    shape: dict[str, Any], *rules: ContributorRule, mapping: FieldMapping | None = None
) -> RecordSchema | None:
    return learn_schema(shape, mapping or FieldMapping(), RuleSet(rules))


def kinds(schema: RecordSchema | None) -> dict[str, str]:
    assert schema is not None
    return {name: kind.value for name, kind in schema.members}


def test_members_are_those_that_are_read_in_the_producers_order() -> None:
    schema = learned(document(junk=1, Operation="get"), rule(keys=[("Operation",)]))
    assert [
        "InstanceId", "AZ-ID", "Service", "Caller", "Latency", "Faults", "ConnectionFailures",
        "Operation",
    ] == list(kinds(schema))  # fmt: skip


def test_meanings_are_the_first_names_present() -> None:
    schema = learned(document(Requests=3, host="other", faults=1, RequestId="r"),
                     mapping=FieldMapping(event_id=("id", "RequestId")))  # fmt: skip
    assert schema is not None
    assert ("InstanceId", "AZ-ID", None, "Faults", "Requests", "RequestId") == (
        schema.host, schema.zone_id, schema.zone_name, schema.fault, schema.requests,
        schema.event_id,
    )  # fmt: skip
    assert schema.meanings >= {"InstanceId", "AZ-ID", "Caller", "RequestId", None}
    assert "id" in schema.absent
    assert not {"host", "Status"} & set(schema.absent)


def test_names_that_would_win_over_the_chosen_one_must_be_absent() -> None:
    shape = document(drop=["InstanceId", "AZ-ID"], privateIp="10.0.0.1")
    schema = learned(shape)
    assert schema is not None
    assert ("privateIp", "AZ") == (schema.host, schema.zone_name)
    assert {"InstanceId", "host.name", "k8s.node.name", "k8s", "az_id"} <= set(schema.absent)
    assert "availabilityZone" in schema.absent


def test_the_order_of_members_is_no_part_of_a_schema() -> None:
    there = learned(document())
    back = learned(dict(reversed(document().items())))
    assert there == back
    assert hash(there) == hash(back)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1, MemberKind.NUMBER),
        (0.5, MemberKind.NUMBER),
        ([7], MemberKind.LONE),
        ([0.5], MemberKind.LONE),
    ],
)
def test_amounts_are_numbers_or_lists_of_one(value: Any, kind: MemberKind) -> None:
    assert kind == kinds(learned(document(Faults=value)))["Faults"]


def test_a_status_is_an_integer_and_only_read_without_a_fault_field() -> None:
    schema = learned(document(drop=["Faults"], Status=200))
    assert MemberKind.INTEGER == kinds(schema)["Status"]
    assert "Status" not in kinds(learned(document(Status=200)))


@pytest.mark.parametrize(
    "changed",
    [
        {"Faults": None}, {"Faults": True}, {"Faults": "1"}, {"Faults": [1, 2]}, {"Faults": []},
        {"Faults": [True]}, {"Faults": {"Sum": 1}}, {"InstanceId": 7}, {"InstanceId": ""},
        {"InstanceId": None}, {"Caller": ["c"]}, {"metadata": {"Timestamp": 1.5}},
        {"metadata": {"Timestamp": True}}, {"metadata": {}}, {"metadata": [1]},
        {"drop": ["_aws"]}, {"drop": ["InstanceId"]}, {"drop": ["AZ-ID", "AZ"]},
        {"drop": ["Faults"], "Status": 200.5}, {"drop": ["Faults"], "Status": [200]},
    ],
    ids=repr,
)  # fmt: skip
def test_nothing_is_learned_from_members_without_a_type(changed: dict[str, Any]) -> None:
    assert learned(document(**changed)) is None


@pytest.mark.parametrize("root", ["text", 5, None, {"node": {"other": 1}}, ["x"]])
def test_a_root_that_could_hold_a_better_name_must_have_a_type(root: Any) -> None:
    """``k8s`` may be an object with a node's name in the next record."""
    assert learned(document(drop=["InstanceId"], privateIp="10.0.0.1", k8s=root)) is None


def test_a_root_that_is_itself_read_as_text_can_hold_nothing_deeper() -> None:
    mapping = FieldMapping(host=("host.name", "host"))
    schema = learned(document(host="h1"), mapping=mapping)
    assert schema is not None
    assert "host" == schema.host
    assert {"host.name"} == {name for name in schema.absent if name.startswith("host")}


def test_one_member_has_one_kind() -> None:
    """The same member as a count and as text fits no decoder."""
    mapping = FieldMapping(requests=("Status",), caller=("Status",))
    assert learned(document(drop=["Faults"], Status=7), mapping=mapping) is None


def number(name: str) -> Filter:
    return Filter((name,), Operator.GREATER_THAN, 1.0)


@pytest.mark.parametrize(
    ("shape", "written", "name", "kind"),
    [
        ({}, rule(filters=[number("Bytes")]), "Bytes", "number"),
        ({"Bytes": [3]}, rule(filters=[number("Bytes")]), "Bytes", "lone"),
        ({"Code": 7}, rule(keys=[("Code",)]), "Code", "integer"),
        ({"Code": "7"}, rule(keys=[("Code",)]), "Code", "text"),
        ({}, rule(keys=[("Code",)]), "Code", "text"),
        (
            {"Status": 200},
            rule(keys=[("Status",)], filters=[number("Status")]),
            "Status",
            "integer",
        ),
        ({}, rule(value_of=["Latency"], filters=[number("Latency")]), "Latency", "number"),
        ({}, rule(filters=[Filter(("Op",), Operator.IN, ("a",))]), "Op", "text"),
    ],
)
def test_what_rules_read_is_typed_as_they_compare_it(
    shape: dict[str, Any], written: ContributorRule, name: str, kind: str
) -> None:
    assert kind == kinds(learned(document(**shape), written))[name]


@pytest.mark.parametrize(
    "written",
    [
        rule(keys=[("a", "b")]),
        rule(keys=[("Faults",)]),
        rule(keys=[("Op",)], filters=[number("Op")]),
        rule(filters=[number("Caller")]),
        rule(filters=[Filter(("Faults",), Operator.IN, ("1",))]),
        rule(filters=[Filter(("InstanceId",), Operator.IS_PRESENT, True)]),
        rule(keys=[("flag",)]),
        rule(filters=[Filter(("size",), Operator.IN, ("1",))]),
        rule(filters=[number("word")]),
    ],
    ids=repr,
)
def test_rules_that_no_loop_can_compare_are_left_to_the_reference(written: ContributorRule) -> None:
    plain = rule("plain", keys=[("Operation",)])
    schema = learned(document(flag=True, size=7, word="w"), written, plain)
    assert schema is not None
    assert ({"faults-by-host"}, set()) == (set(schema.not_compilable), set(schema.inert))
    # Nothing of it is read, not even what could have been typed.
    assert kinds(learned(document(flag=True, size=7, word="w"), plain)) == kinds(schema)


def test_rules_on_members_that_must_be_absent_are_inert() -> None:
    shape = document(drop=["InstanceId"], host="h1")
    key, amount = rule("key"), rule("amount", keys=[("host",)], value_of=["instanceId"])
    sketched = rule("of", keys=[("host",)], measure=Percentiles(("instanceId",), (50.0,), 1.0, 9))
    schema = learned(shape, key, amount, sketched, rule("live", keys=[("host",)]))
    assert schema is not None
    assert ({"key", "amount", "of"}, set()) == (set(schema.inert), set(schema.not_compilable))


def test_a_rule_on_lines_is_inert_for_every_producer_of_json() -> None:
    schema = learned(document(), rule(keys=[("ip",)], lines={"ip": 1}))
    assert schema is not None
    assert {"faults-by-host"} == schema.inert


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        (rule(any_of=[[number("Bytes")], [Filter(("Op",), Operator.CONTAINS, ("a",))]]), True),
        (rule(any_of=[[number("Bytes")], [number("instanceId")]]), False),
        (rule(measure=Ratio((number("Bytes"),), ("Size",), 1.0)), True),
        (rule(measure=Ratio((), ("a", "b"), 1.0)), False),
        (rule(measure=Percentiles(("Latency",), (50.0,), 1.0, 9)), True),
        (rule(filters=[Filter(("Bytes",), Operator.BETWEEN, (1.0, 2.0))]), True),
        (rule(filters=[Filter(("Op",), Operator.MATCHES, ("a",))]), True),
    ],
)
def test_groups_and_measures_are_typed_like_filters(written: ContributorRule, typed: bool) -> None:
    shape = document(drop=["InstanceId"], host="h1")
    live = dataclasses.replace(written, keys=(("host",),))
    schema = learned(shape, live)
    assert schema is not None
    assert typed is (live.name not in schema.not_compilable)


@pytest.mark.parametrize(
    ("operator", "kind", "expected"),
    [
        (Operator.BETWEEN, MemberKind.LONE, True),
        (Operator.EQUAL_TO, MemberKind.TEXT, False),
        (Operator.MATCHES, MemberKind.TEXT, True),
        (Operator.IN, MemberKind.INTEGER, False),
        (Operator.IS_PRESENT, MemberKind.TEXT, False),
    ],
)
def test_a_filter_can_be_asked_of_its_own_kind_of_member(
    operator: Operator, kind: MemberKind, expected: bool
) -> None:
    assert expected is can_compile(Filter(("f",), operator, ("a",)), kind)


def test_a_rule_on_the_presence_of_an_absent_member_is_not_inert() -> None:
    absent = Filter(("InstanceId",), Operator.IS_PRESENT, False)
    shape = document(drop=["InstanceId"], host="h1")
    schema = learned(shape, rule(keys=[("host",)], filters=[absent]))
    assert schema is not None
    assert ({"faults-by-host"}, set()) == (set(schema.not_compilable), set(schema.inert))
