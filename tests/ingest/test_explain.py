"""``detector decode`` says how a record was understood, field by field."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from detector.ingest.explain import DecodeExplainer
from detector.logs.decode import Decoder
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.rules.rules import Aggregate, ContributorRule, Filter, Operator, RuleSet

TIME = 1_790_000_000_123
RECORD_MS = 1_790_000_005_000
RULES = RuleSet(
    (
        ContributorRule(
            "faults-by-host",
            "1",
            ("*",),
            (("InstanceId",),),
            (Filter(("Faults",), Operator.GREATER_THAN, 0.0),),
            Aggregate.SUM,
            ("Faults",),
        ),
        ContributorRule("all-by-caller", "1", ("*",), (("Caller",),), (), Aggregate.COUNT),
    )
)
EXPLAINER = DecodeExplainer(FieldMapping(event_id=("RequestId",)), DecodeLimits(), RULES)


def explain(value: Any) -> list[dict[str, Any]]:
    raw = value if isinstance(value, bytes | None) else json.dumps(value).encode()
    return EXPLAINER.explain(raw, "logs", record_ms=RECORD_MS)


def test_an_event_is_shown_with_the_name_behind_each_field() -> None:
    document = {
        "_aws": {"Timestamp": TIME, "CloudWatchMetrics": []},
        "InstanceId": "i-1",
        "AZ-ID": "use1-az1",
        "az": "us-east-1a",
        "Faults": [1, 1],
        "Latency": 1500,
        "RequestId": "r-1",
    }
    assert [
        {
            "outcome": "event",
            "envelope": "text",
            "time": {
                "at": "2026-09-21T14:13:20.123000+00:00",
                "ms": TIME,
                "source": "emf",
                "from": "Timestamp",
            },
            "log_group": "logs",
            "fields": {
                "host": {"value": "i-1", "from": "InstanceId"},
                "zone_id": {"value": "use1-az1", "from": "AZ-ID"},
                "zone_name": {"value": "us-east-1a", "from": "az"},
                "service": {"value": "default", "from": ""},
                "caller": {"value": "", "from": ""},
                "event_id": {"value": "r-1", "from": "RequestId"},
                "requests": {"value": 2.0, "from": "Faults"},
                "faults": {"value": 2.0, "from": "Faults"},
                "slow": {"value": 1.0, "from": "Latency"},
                "connection_failures": {"value": 0.0, "from": ""},
            },
            "rules": [{"rule": "faults-by-host", "keys": ["i-1"], "value": 2.0}],
        }
    ] == explain({"message": json.dumps(document), "host": "shipper"})


def test_counts_name_what_they_were_made_from() -> None:
    (entry,) = explain({"status": 500, "requests": 5, "host": {"name": "h"}, "caller": "c"})
    fields = entry["fields"]
    assert {"value": 5.0, "from": "requests"} == fields["requests"]
    assert {"value": 5.0, "from": "status"} == fields["faults"]
    assert {"value": "h", "from": "host.name"} == fields["host"]
    (entry,) = explain({"latency": [1, 2]})
    assert {"value": 2.0, "from": "latency"} == entry["fields"]["requests"]


def test_each_source_of_time_is_named() -> None:
    (field,) = explain({"host": "h", "time": "12:00", "ts": 1_700_000_000})
    (record,) = explain({"host": "h"})
    assert ("field", "ts") == (field["time"]["source"], field["time"]["from"])
    assert ("record", "kafka record") == (record["time"]["source"], record["time"]["from"])


def test_every_event_of_a_record_has_its_entry() -> None:
    entries = explain([{"host": "a"}, {"host": "b"}])
    assert ["a", "b"] == [entry["fields"]["host"]["value"] for entry in entries]


def test_a_refused_record_has_its_reason() -> None:
    assert [
        {
            "outcome": "refused",
            "envelope": "plain",
            "reason": "bad_value",
            "message": "field 'faults' is negative",
        }
    ] == explain({"faults": -1})


def test_a_record_without_events_is_empty() -> None:
    assert [{"outcome": "empty", "envelope": "tombstone"}] == explain(None)
    assert [{"outcome": "empty", "envelope": "array"}] == explain([])


@given(st.binary(max_size=100) | st.lists(st.fixed_dictionaries({"host": st.text()})))
def test_the_answer_is_the_decoder_s(value: Any) -> None:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    decoded = Decoder(FieldMapping(), DecodeLimits(), RULES).decode(
        raw, topic="logs", record_ms=RECORD_MS
    )
    entries = explain(raw)
    outcomes = [entry["outcome"] for entry in entries]
    if decoded.unreadable is not None:
        assert ["refused"] == outcomes
    else:
        assert ["event"] * len(decoded.events) or ["empty"] == outcomes
    json.dumps(entries)
