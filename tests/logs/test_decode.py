"""One record in, log events or one reason out."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.vocabulary import DeadLetterReason, Envelope, TimeSource
from detector.logs.decode import Decoder
from detector.logs.events import Decoded, LogEvent, Unreadable
from detector.logs.fields import DecodeLimits, FieldMapping, LatencyUnit
from detector.logs.values import ValueFault
from detector.rules.rules import Aggregate, ContributorRule, RuleSet

GOLDEN = Path(__file__).parent.parent / "golden" / "emf"
TIME = 1_790_000_000_123
RECORD_MS = 1_790_000_005_000
METADATA: dict[str, Any] = {"Timestamp": TIME, "CloudWatchMetrics": []}
PLACE = {"InstanceId": "i-1", "AZ-ID": "use1-az1", "availabilityZone": "us-east-1a"}


def decoder(
    limits: DecodeLimits | None = None, rules: RuleSet | None = None, **mapping: Any
) -> Decoder:
    return Decoder(FieldMapping(**mapping), limits or DecodeLimits(), rules)


def decode(value: Any, reader: Decoder | None = None) -> Decoded:
    raw = value if isinstance(value, bytes | None) else json.dumps(value).encode()
    return (reader or decoder()).decode(raw, topic="logs", record_ms=RECORD_MS)


def event(members: dict[str, Any], reader: Decoder | None = None) -> LogEvent:
    decoded = decode({"_aws": METADATA, **members}, reader)
    assert decoded.unreadable is None
    (only,) = decoded.events
    return only


def counts(members: dict[str, Any], reader: Decoder | None = None) -> tuple[float, ...]:
    read = event(members, reader)
    return (read.requests, read.faults, read.slow, read.connection_failures)


def test_an_event_carries_everything_that_its_document_says() -> None:
    document = {
        **PLACE,
        "_aws": {**METADATA, "LogGroupName": "/shop/api"},
        "Service": "checkout",
        "Caller": "acme",
        "Requests": 10,
        "Faults": 3,
        "Latency": {"Max": 3000, "Min": 1500, "Count": 10, "Sum": 20000},
        "ConnectionFailures": 2,
        "RequestId": "r-1",
    }
    expected = LogEvent(
        time_ms=TIME,
        time_source=TimeSource.EMF,
        envelope=Envelope.EMF,
        log_group="/shop/api",
        service="checkout",
        host="i-1",
        zone_id="use1-az1",
        zone_name="us-east-1a",
        caller="acme",
        requests=10.0,
        faults=3.0,
        slow=10.0,
        connection_failures=2.0,
        event_id="r-1",
        document=document,
        latency_us=20_000_000.0,
        latencies=10.0,
    )
    assert Decoded(Envelope.EMF, [expected]) == decode(document, decoder(event_id=("RequestId",)))


def test_what_is_missing_has_its_default() -> None:
    read = event({})
    assert ("logs", "default", "", "", "", "", "", "") == (
        read.log_group,
        read.service,
        read.host,
        read.zone_id,
        read.zone_name,
        read.zone,
        read.caller,
        read.event_id,
    )
    assert counts({}) == (1.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"Faults": 0}, (1, 0, 0, 0)),
        ({"Faults": [1, 0, 1]}, (3, 2, 0, 0)),
        ({"Faults": {"Max": 1, "Min": 0, "Count": 50, "Sum": 7}}, (50, 7, 0, 0)),
        ({"Faults": 0, "Status": 503}, (1, 0, 0, 0)),
        ({"Faults": [1, 0], "Latency": [5, 5, 5]}, (2, 1, 0, 0)),
        ({"Faults": []}, (0, 0, 0, 0)),
        ({"Faults": None, "faults": 1}, (1, 1, 0, 0)),
        ({"Requests": 40, "Faults": 3}, (40, 3, 0, 0)),
        ({"Requests": [20, 20], "Status": 500}, (40, 40, 0, 0)),
        ({"Latency": [999, 1000, 1001]}, (3, 0, 1, 0)),
        ({"Latency": [5, 6], "Status": 502}, (2, 2, 0, 0)),
        ({"Latency": {"Values": [500, 2000], "Counts": [8, 2]}}, (10, 0, 2, 0)),
        ({"Status": 500}, (1, 1, 0, 0)),
        ({"Status": 499}, (1, 0, 0, 0)),
        ({"Status": "503"}, (1, 1, 0, 0)),
        ({"Status": 503.0}, (1, 1, 0, 0)),
        ({"Status": "5O3", "status": 500}, (1, 1, 0, 0)),
        ({"Status": "٥٠٣"}, (1, 0, 0, 0)),
        ({"Status": "5000000000"}, (1, 0, 0, 0)),
        ({"Status": ""}, (1, 0, 0, 0)),
        ({"Status": True}, (1, 0, 0, 0)),
        ({"Status": [500]}, (1, 0, 0, 0)),
        ({"Status": "failed"}, (1, 0, 0, 0)),
        ({"ConnectionFailures": [1, 1]}, (1, 0, 0, 2)),
    ],
)
def test_counts_follow_the_precedence_of_the_fields(
    members: dict[str, Any], expected: tuple[float, ...]
) -> None:
    assert expected == counts(members)


def test_a_metric_that_is_declared_but_absent_is_missing() -> None:
    directive = {"Namespace": "n", "Dimensions": [[]], "Metrics": [{"Name": "Faults"}]}
    metadata = {"Timestamp": TIME, "CloudWatchMetrics": [directive]}
    assert (1.0, 1.0, 0.0, 0.0) == counts({"_aws": metadata, "Status": 500})


@pytest.mark.parametrize(
    ("unit", "latency", "slow"),
    [
        (LatencyUnit.MILLISECONDS, [250, 251], 1.0),
        (LatencyUnit.SECONDS, [0.25, 0.2501], 1.0),
        (LatencyUnit.MICROSECONDS, [250_000, 250_001], 1.0),
    ],
)
def test_latency_is_compared_in_its_own_unit(
    unit: LatencyUnit, latency: list[float], slow: float
) -> None:
    reader = decoder(latency_unit=unit, slow_threshold_ms=250.0)
    assert slow == event({"Latency": latency}, reader).slow


def test_a_service_may_have_its_own_threshold() -> None:
    reader = decoder(slow_threshold_ms_by_service={"search": 100.0})
    assert event({"Service": "search", "Latency": 500}, reader).slow == 1.0
    assert event({"Service": "checkout", "Latency": 500}, reader).slow == 0.0


def test_numbers_written_as_text_are_counted_where_allowed() -> None:
    members = {"Faults": "2", "Latency": ["1500", "20"]}
    assert (1.0, 2.0, 1.0, 0.0) == counts(members, decoder(numeric_strings=True))


@pytest.mark.parametrize(
    ("members", "host"),
    [
        ({"InstanceId": "i-1", "host": "h"}, "i-1"),
        ({"InstanceId": "", "host": "h"}, "h"),
        ({"InstanceId": None, "host": 17}, "17"),
        ({"InstanceId": 1.5, "host": True, "Host": []}, ""),
        ({"host": {"name": "deep"}}, "deep"),
        ({"host.name": "flat", "host": {"name": "deep"}}, "flat"),
        ({"k8s": {"node": {"name": "node-1"}}}, "node-1"),
        ({"privateIP": "10.0.0.1"}, "10.0.0.1"),
        ({"host": "a\x1b[31m\n"}, "a\x1b[31m\n"),
    ],
)
def test_a_host_is_the_first_name_that_is_text_or_an_integer(
    members: dict[str, Any], host: str
) -> None:
    assert host == event(members).host


def test_long_names_are_cut_and_kept_apart() -> None:
    hosts = [event({"host": "x" * 256 + end}).host for end in ("", "a", "b")]
    assert [256] * 3 == [len(host) for host in hosts]
    assert len(set(hosts)) == 3


def test_zone_id_and_zone_name_are_kept_apart() -> None:
    read = event({"AZ": "us-east-1a"})
    assert ("", "us-east-1a", "us-east-1a") == (read.zone_id, read.zone_name, read.zone)
    read = event({"AZ": "us-east-1a", "azId": "use1-az1"})
    assert ("use1-az1", "us-east-1a", "use1-az1") == (read.zone_id, read.zone_name, read.zone)


@pytest.mark.parametrize("group", ["", 5, None])
def test_a_log_group_that_is_no_name_gives_way_to_the_topic(group: object) -> None:
    assert event({"_aws": {**METADATA, "LogGroupName": group}}).log_group == "logs"


@pytest.mark.parametrize(
    ("document", "ms", "source"),
    [
        ({"_aws": METADATA, "time": 1_700_000_000}, TIME, TimeSource.EMF),
        ({"_aws": {}, "host": "h", "time": 1_700_000_000}, 1_700_000_000_000, TimeSource.FIELD),
        ({"_aws": {}, "host": "h"}, RECORD_MS, TimeSource.RECORD),
        ({"CloudWatchMetrics": [], "Timestamp": TIME}, TIME, TimeSource.EMF),
        ({"CloudWatchMetrics": [], "ts": 1_700_000_000}, 1_700_000_000_000, TimeSource.FIELD),
        ({"host": "h", "Timestamp": TIME}, RECORD_MS, TimeSource.RECORD),
        ({"host": "h", "@timestamp": "2026-11-23T10:00:00Z"}, 1_795_428_000_000, TimeSource.FIELD),
        ({"host": "h", "@timestamp": 1_790_000_000.5}, 1_790_000_000_500, TimeSource.FIELD),
    ],
)
def test_the_time_is_the_best_that_there_is(
    document: dict[str, Any], ms: int, source: TimeSource
) -> None:
    (read,) = decode(document).events
    assert (ms, source) == (read.time_ms, read.time_source)


@pytest.mark.parametrize(
    ("value", "envelope", "events"),
    [
        (None, Envelope.TOMBSTONE, 0),
        (b"", Envelope.TOMBSTONE, 0),
        (b" \n", Envelope.TOMBSTONE, 0),
        ([], Envelope.ARRAY, 0),
        ({"_aws": METADATA}, Envelope.EMF, 1),
        ({"Version": "0", "CloudWatchMetrics": [], "Timestamp": TIME}, Envelope.EMF_V0, 1),
        ({"host": "h"}, Envelope.PLAIN, 1),
        ({"message": json.dumps({"_aws": METADATA}) + "\n", "host": "h"}, Envelope.TEXT, 1),
        ({"structured": {"_aws": METADATA}, "host": "h"}, Envelope.PARSED, 1),
        (json.dumps({"_aws": METADATA}), Envelope.JSON_STRING, 1),
        ({"log": {"message": json.dumps({"_aws": METADATA})}}, Envelope.VECTOR_NATIVE, 1),
        (json.dumps({"_aws": METADATA}).encode() * 3, Envelope.SEVERAL, 3),
        ([{"_aws": METADATA}, {"host": "h"}], Envelope.ARRAY, 2),
    ],
)
def test_every_envelope_gives_its_events(value: Any, envelope: Envelope, events: int) -> None:
    decoded = decode(value)
    assert (envelope, events, None) == (decoded.envelope, len(decoded.events), decoded.unreadable)
    assert {envelope} >= {read.envelope for read in decoded.events}


@pytest.mark.parametrize(
    "member",
    ["host", "AZ-ID", "availabilityZone", "service", "status", "fault", "latency", "caller",
     "connectionFailures", "requests"],
)  # fmt: skip
def test_a_plain_log_needs_one_mapped_member(member: str) -> None:
    assert decode({member: 1, "x": 2}).unreadable is None


@pytest.mark.parametrize(
    "document", [{"x": 1}, {"host": {}}, {"status": "ok"}, {"host": None}, {"time": TIME}, {}]
)
def test_a_plain_log_without_one_is_refused(document: dict[str, Any]) -> None:
    names = ", ".join(map(repr, document)) or "none"
    message = f"found members {names}, expected _aws or a field of the mapping"
    refused = Unreadable(DeadLetterReason.NO_KNOWN_FIELD, message)
    assert Decoded(Envelope.PLAIN, (), refused) == decode(document)


def test_the_unknown_one_of_several_is_reported_with_eight_of_its_names() -> None:
    unknown = {f"{position:050}": 1 for position in range(9)}
    decoded = decode([{"_aws": METADATA}, {"host": "h"}, unknown])
    shown = ", ".join(repr(name[:40]) for name in list(unknown)[:8])
    message = f"found members {shown}, expected _aws or a field of the mapping"
    refused = Unreadable(DeadLetterReason.NO_KNOWN_FIELD, message)
    assert Decoded(Envelope.ARRAY, (), refused) == decoded


@pytest.mark.parametrize("document", [{"tenant": {"id": "t"}}, {"bytes": 5}])
def test_a_plain_log_may_be_known_by_a_field_of_a_rule(document: dict[str, Any]) -> None:
    rules = [
        ContributorRule("a", "1", ("*",), (("tenant", "id"),), (), Aggregate.COUNT),
        ContributorRule("b", "1", ("*",), (("host",),), (), Aggregate.SUM, ("bytes",)),
    ]
    assert decode(document).unreadable is not None
    assert decode(document, decoder(rules=RuleSet(tuple(rules)))).unreadable is None


SMALL = DecodeLimits(record_bytes=40, events_per_record=2)


REFUSALS: list[tuple[bytes, str, str]] = [
    (b" " * 36 + b'"ab"' + b" ", "too_large", "the record has 41 bytes, at most 40 are read"),
    (b"[" * 33, "too_deep", "the json nests deeper than 32 objects and lists"),
    (b'{"host":1}' * 3, "too_many_events", "the record holds more than 2 events"),
    (b'{"host":"\xff"}', "bad_utf8", "the text is not valid utf-8 at byte 9"),
    (b'{"host":1', "bad_json", "the text is not json: input data was truncated"),
    (
        b"[1]",
        "not_an_object",
        "found a number where an event is expected, which is a json object",
    ),
    (
        b'{"x":1}',
        "no_known_field",
        "found members 'x', expected _aws or a field of the mapping",
    ),
    (b'{"faults":true}', "bad_value", "field 'faults' is a truth value, expected a number"),
    (b'{"duration":-5}', "bad_value", "field 'duration' is negative"),
    (
        b'{"requests":1e999}',
        "bad_value",
        f"field 'requests' {ValueFault.UNKNOWN_SHAPE}",
    ),
    (
        b'{"connection_failures":"1"}',
        "bad_value",
        f"field 'connection_failures' {ValueFault.TEXT}",
    ),
    (
        b'{"_aws":{"Timestamp":"1"}}',
        "bad_time",
        "the event's timestamp is missing or not a time between 2000 and 2100",
    ),
    (
        b'{"_aws":{"Timestamp":1790000000}}',
        "bad_time",
        "the event's timestamp is missing or not a time between 2000 and 2100",
    ),
    (
        b'{"resourceLogs":[]}',
        "unsupported_encoding",
        "otlp json batch (resourceLogs): send one json object per log record",
    ),
]


@pytest.mark.parametrize(("value", "reason", "message"), REFUSALS)
def test_every_reason_is_stated_in_a_sentence(value: bytes, reason: str, message: str) -> None:
    decoded = decode(value, decoder(SMALL))
    assert Unreadable(DeadLetterReason(reason), message) == decoded.unreadable
    assert not decoded.events


def test_every_reason_of_the_closed_list_is_tested_above() -> None:
    """Lines of plain text, which need a rule that reads them, are in ``test_clf_lines.py``."""
    tested = {reason for _, reason, _ in REFUSALS} | {DeadLetterReason.BAD_LINE.value}
    assert {reason.value for reason in DeadLetterReason} == tested


def test_without_any_time_an_event_is_refused() -> None:
    decoded = decoder().decode(b'{"host":"h"}', topic="t", record_ms=-1)
    assert decoded.unreadable is not None
    assert decoded.unreadable.reason is DeadLetterReason.BAD_TIME


def test_a_record_counts_whole_or_not_at_all() -> None:
    good = {"_aws": METADATA, "Faults": 1}
    decoded = decode([good, {**good, "Faults": -1}, good])
    assert decoded.unreadable is not None
    assert (Envelope.ARRAY, ()) == (decoded.envelope, decoded.events)


def recorded() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}-{case['name']}")
        for path in sorted(GOLDEN.glob("*.json"))
        for case in json.loads(path.read_text())["cases"]
        if "printed" in case
    ]


@pytest.mark.parametrize("case", recorded())
def test_lines_of_the_real_libraries_say_what_was_logged(case: dict[str, Any]) -> None:
    """The expected counts are made from the calls to the library, not from the line it printed."""
    document = case["document"]
    logged = {metric[0]: metric[1] for metric in document["metrics"]}
    faults = logged.get("Faults", [])
    latency = logged.get("Latency", [])
    (read,) = decode(case["printed"].encode()).events
    assert (document["timestamp_ms"], TimeSource.EMF) == (read.time_ms, read.time_source)
    observed = len(faults) or len(latency) or 1
    assert read.requests == sum(logged.get("Requests", [observed]))
    assert read.faults == sum(faults)
    assert read.slow == sum(value > 1000 for value in latency)
    assert read.log_group == (document.get("log_group") or "logs")
    members = {**document["properties"]}
    for dimensions in document["dimension_sets"]:
        members |= dimensions
    instance = document.get("instance") or {"instance_id": "", "availability_zone": ""}
    assert read.host == members.get("InstanceId", instance["instance_id"])
    assert read.zone_id == members.get("AZ-ID", "")
    assert read.zone_name == members.get("availabilityZone", instance["availability_zone"])
    assert read.caller == members.get("Caller", "")


reasons = {reason.value for reason in DeadLetterReason}

members = st.dictionaries(
    st.sampled_from(
        ["_aws", "host", "AZ-ID", "Faults", "Latency", "Requests", "Status", "message", "log",
         "event", "time", "Timestamp", "CloudWatchMetrics", "x"]
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
        | st.just(TIME) | st.just('{"_aws":{}}'),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Timestamp", "Max", "Min", "Count", "Sum", "Values", "message"]), inner
        ),
        max_leaves=6,
    ),
)  # fmt: skip


def holds(decoded: Decoded) -> None:
    """Check what must be true of whatever was decoded."""
    if decoded.unreadable is not None:
        assert not decoded.events
        assert decoded.unreadable.reason.value in reasons
        return
    for read in decoded.events:
        numbers = (read.requests, read.faults, read.slow, read.connection_failures)
        assert all(0.0 <= number < float("inf") for number in numbers)
        assert 946_684_800_000 <= read.time_ms < 4_102_444_800_000
        assert all(len(name) <= 256 for name in (read.host, read.zone, read.service, read.caller))


@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    holds(decode(raw))


@given(members)
def test_no_document_makes_it_raise(document: dict[str, Any]) -> None:
    holds(decode(document))


@given(
    st.sampled_from([case.values[0]["printed"].encode() for case in recorded()]),
    st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 2_000), st.binary(max_size=6))),
)
def test_no_mutation_of_a_real_line_makes_it_raise(
    line: bytes, edits: list[tuple[int, int, bytes]]
) -> None:
    for begin, length, patch in edits:
        line = line[:begin] + patch + line[begin + length :]
    holds(decode(line))


@given(members, st.sampled_from(["text", "string", "array", "several", "native"]))
def test_wrapping_an_emf_document_changes_nothing_but_its_envelope(
    document: dict[str, Any], wrapping: str
) -> None:
    bare = {**document, "_aws": METADATA}
    line = json.dumps(bare)
    wrapped = {
        "text": json.dumps({"message": line, "host": "shipper"}),
        "string": json.dumps(line),
        "array": f"[{line}]",
        "several": f"{line}\n{line}",
        "native": f'{{"log":{line}}}',
    }[wrapping]
    inside, outside = decode(line.encode()), decode(wrapped.encode())
    reasons = [read.unreadable and read.unreadable.reason for read in (inside, outside)]
    assert reasons[0] == reasons[1]
    for read in outside.events:
        for name in ("time_ms", "host", "zone", "service", "requests", "faults", "slow"):
            assert getattr(inside.events[0], name) == getattr(read, name)


def test_a_record_that_was_counted_is_opened_again_without_reading_its_counts() -> None:
    bare = {"_aws": {**METADATA, "LogGroupName": "/shop"}, "Faults": -1}
    assert (bare, "/shop") == decoder().bare_emf(json.dumps(bare).encode(), "t")
    plain = {"_aws": METADATA}
    assert (plain, "t") == decoder().bare_emf(json.dumps(plain).encode(), "t")
    wrapped = json.dumps({"message": json.dumps(bare)}).encode()
    for other in (b"", b"{", b'{"host": "h"}', wrapped, json.dumps([bare]).encode()):
        assert decoder().bare_emf(other, "t") is None
