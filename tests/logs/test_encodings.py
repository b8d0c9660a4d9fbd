"""Encodings that are not read are recognised, and the message says what to do."""

import base64
import gzip
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.logs.encodings import recognise_bytes, recognise_object


def valid_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


# ExportLogsServiceRequest{resource_logs: [{resource: {attributes: [{key: "host"}]}}]}, by hand.
OTLP = bytes([0x0A, 0x0A, 0x0A, 0x08, 0x0A, 0x06, 0x0A, 0x04, *b"host"])


@pytest.mark.parametrize(
    ("raw", "hint"),
    [
        (
            gzip.compress(b'{"messageType":"DATA_MESSAGE"}', mtime=0),
            "gzip inside the record, as cloudwatch logs subscriptions send: unpack it first",
        ),
        (
            base64.b64encode(gzip.compress(b"{}", mtime=0)),
            "base64 of gzip, as cloudwatch logs subscriptions send: unpack it first",
        ),
        (
            zlib.compress(b"{}"),
            "zlib inside the record: let the producer compress (compression.type)",
        ),
        (
            b"\x28\xb5\x2f\xfd\x00",
            "zstd inside the record: let the producer compress (compression.type)",
        ),
        (
            b"\x04\x22\x4d\x18\x00",
            "lz4 inside the record: let the producer compress (compression.type)",
        ),
        (b"\x1e\x0f12345678\x00\x02", "chunked gelf: send each message as one json object"),
        (b"Obj\x01\x04", "avro with its schema: send json"),
        (b"\xc3\x01abcdefgh", "avro single object: send json"),
        (
            b"\x00\x00\x00\x00\x07{}",
            "confluent wire format (zero byte and schema id): send json without a schema registry",
        ),
        (b"\x82\xa1a\x01\xa1b\x02", "binary that looks like msgpack: send json"),
        (b"\xdf\x00\x00\x00\x00", "binary that looks like msgpack: send json"),
        (
            OTLP,
            "binary that looks like protobuf (otlp_proto?): send json, one object per log record",
        ),
        (
            b"\x0a\x00\x10\x96\x01\x19" + b"8" * 8 + b"\x25" + b"4" * 4,
            "binary that looks like protobuf (otlp_proto?): send json, one object per log record",
        ),
        (
            b"\x0a\x00" * 2_000 + b"\x0a",
            "binary that looks like protobuf (otlp_proto?): send json, one object per log record",
        ),
        (
            b'2026-11-23T10:00:00Z 1f2e INFO {"_aws":{}}',
            "text before the first '{', as the lambda runtime writes: send the json alone",
        ),
    ],
)
def test_bytes_are_recognised(raw: bytes, hint: str) -> None:
    assert hint == recognise_bytes(raw, valid_utf8=valid_utf8(raw))


@pytest.mark.parametrize(
    "raw",
    [
        b"hello world",
        b'{"a":1,}',
        b"[1,",
        b'"abc',
        b"\x00\x01",
        b"x\x01 is text",
        b"\xff\xfe\x00",
        "ކ".encode() + b" text",
        b"\x0a\x05abc",  # a field that is cut off
        b"\x0a\x80",  # a length that is cut off
        b"\x0a\x00\x0b",  # a group, which nobody writes any more
        b"\x0a\x00\x00",  # field number 0
        b"\x0a" + b"\x80" * 11,  # a length that does not end
        b"\x0a\x00\x11123",  # a fixed64 that is cut off
    ],
)
def test_other_bytes_are_not_given_a_name(raw: bytes) -> None:
    assert recognise_bytes(raw, valid_utf8=valid_utf8(raw)) is None


@pytest.mark.parametrize(
    ("document", "hint"),
    [
        (
            {"resourceLogs": [{"scopeLogs": []}]},
            "otlp json batch (resourceLogs): send one json object per log record",
        ),
        (
            {"messageType": "DATA_MESSAGE", "owner": "1", "logEvents": []},
            "cloudwatch logs subscription: send each of its log events as one record",
        ),
        (
            {"messageType": "CONTROL_MESSAGE", "logEvents": []},
            "cloudwatch logs subscription: send each of its log events as one record",
        ),
        (
            {"awslogs": {"data": "H4sI"}},
            "cloudwatch logs subscription: send each of its log events as one record",
        ),
        (
            {"specversion": "1.0", "id": "1", "source": "/a", "type": "t", "data": {}},
            "cloudevents in structured mode: send the data alone (binary mode)",
        ),
        (
            {"schema": None, "payload": {"a": 1}},
            "kafka connect json with schema: set schemas.enable=false in the converter",
        ),
        (
            {"log": '{"_aws', "partial_message": "true", "partial_id": "x"},
            "piece of a line that docker split (partial_message): join the pieces in the shipper",
        ),
    ],
)
def test_objects_that_wrap_events_are_recognised(document: dict[str, Any], hint: str) -> None:
    assert hint == recognise_object(document)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"messageType": "DATA_MESSAGE"},
        {"messageType": ["DATA_MESSAGE"], "logEvents": []},
        {"messageType": "OTHER", "logEvents": []},
        {"awslogs": "x"},
        {"awslogs": {}},
        {"specversion": "1.0", "type": "t"},
        {"specversion": 1, "type": "t", "source": "s"},
        {"schema": 1, "payload": 2, "host": "h"},
    ],
)
def test_other_objects_are_not(document: dict[str, Any]) -> None:
    assert recognise_object(document) is None


@given(st.binary(min_size=1, max_size=60) | st.binary(max_size=60).map(lambda rest: b"\n" + rest))
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    hint = recognise_bytes(raw, valid_utf8=valid_utf8(raw))
    assert hint is None or hint
