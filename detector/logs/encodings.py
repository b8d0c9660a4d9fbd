"""Recognises unsupported encodings: names what a record is, and what the producer should send.

Law: only records that would be refused anyway get here: bytes that are not JSON, and objects that
are not EMF. A hint names the encoding, never a value.
"""

import re
from collections.abc import Mapping
from typing import Any

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (
        b"\x1f\x8b",
        "gzip inside the record, as cloudwatch logs subscriptions send: unpack it first",
    ),
    (b"\x28\xb5\x2f\xfd", "zstd inside the record: let the producer compress (compression.type)"),
    (b"\x04\x22\x4d\x18", "lz4 inside the record: let the producer compress (compression.type)"),
    (b"\x1e\x0f", "chunked gelf: send each message as one json object"),
    (b"Obj\x01", "avro with its schema: send json"),
    (b"\xc3\x01", "avro single object: send json"),
    (b"H4sI", "base64 of gzip, as cloudwatch logs subscriptions send: unpack it first"),
)
_ZLIB = frozenset({b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"})
_CONFLUENT_HEADER = 5
_MSGPACK_FIRST = frozenset((*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF))
_PREFIXED = re.compile(rb'\s*[^\s{\["][^{]*\{')
_CLOUDWATCH_MESSAGES = frozenset({"DATA_MESSAGE", "CONTROL_MESSAGE"})
_CLOUDEVENT_MEMBERS = ("specversion", "type", "source")
_CONNECT_MEMBERS = 2
_VARINT_BYTES = 10
_PROTOBUF_FIELDS = 1_000


def recognise_bytes(raw: bytes, *, valid_utf8: bool) -> str | None:
    """Return a hint on the encoding of bytes that are not JSON, ``None`` if it is unknown."""
    for magic, hint in _MAGIC:
        if raw.startswith(magic):
            return hint
    if raw[:2] in _ZLIB and not valid_utf8:
        return "zlib inside the record: let the producer compress (compression.type)"
    if raw[0] == 0 and len(raw) >= _CONFLUENT_HEADER:
        return (
            "confluent wire format (zero byte and schema id): send json without a schema registry"
        )
    if raw[0] in _MSGPACK_FIRST and not valid_utf8:
        return "binary that looks like msgpack: send json"
    if _is_protobuf(raw):
        return "binary that looks like protobuf (otlp_proto?): send json, one object per log record"
    if valid_utf8 and _PREFIXED.match(raw):
        return "text before the first '{', as the lambda runtime writes: send the json alone"
    return None


def recognise_object(document: Mapping[str, Any]) -> str | None:
    """Return a hint on an object that wraps events in an unsupported way, else ``None``."""
    if "resourceLogs" in document:
        return "otlp json batch (resourceLogs): send one json object per log record"
    if _is_cloudwatch_subscription(document):
        return "cloudwatch logs subscription: send each of its log events as one record"
    if "specversion" in document and all(
        isinstance(document.get(name), str) for name in _CLOUDEVENT_MEMBERS
    ):
        return "cloudevents in structured mode: send the data alone (binary mode)"
    if len(document) == _CONNECT_MEMBERS and "schema" in document and "payload" in document:
        return "kafka connect json with schema: set schemas.enable=false in the converter"
    if "partial_message" in document:
        return "piece of a line that docker split (partial_message): join the pieces in the shipper"
    return None


def _is_cloudwatch_subscription(document: Mapping[str, Any]) -> bool:
    kind = document.get("messageType")
    relayed = document.get("awslogs")
    return (isinstance(kind, str) and kind in _CLOUDWATCH_MESSAGES and "logEvents" in document) or (
        isinstance(relayed, dict) and "data" in relayed
    )


def _is_protobuf(raw: bytes) -> bool:
    """Say whether ``raw`` is a sequence of protobuf fields that starts with a message as field 1.

    OTLP and most batches start this way. A thousand fields are taken as proof. Source:
    protobuf.dev/programming-guides/encoding.
    """
    if raw[0] != 0x0A:  # noqa: PLR2004
        return False
    position = 0
    for _ in range(_PROTOBUF_FIELDS):
        if position >= len(raw):
            break
        tag, position = _varint(raw, position)
        if tag >> 3 == 0:
            return False
        match tag & 7:
            case 0:
                _, position = _varint(raw, position)
            case 1:
                position += 8
            case 2:
                length, position = _varint(raw, position)
                position += length
            case 5:
                position += 4
            case _:
                return False
    return position <= len(raw)


def _varint(raw: bytes, position: int) -> tuple[int, int]:
    """Return the number and the position after it, beyond the end of ``raw`` if it is cut off."""
    value = 0
    for index in range(_VARINT_BYTES):
        if position + index >= len(raw):
            break
        byte = raw[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004
            return value, position + index + 1
    return value, len(raw) + 1
