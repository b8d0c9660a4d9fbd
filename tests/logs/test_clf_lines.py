"""Plain text on topics of CLF rules becomes events; everywhere else it stays a dead letter."""

import pytest

from detector.core.vocabulary import DeadLetterReason, Envelope, TimeSource
from detector.logs.decode import Decoder
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.rules.rules import ContributorRule, RuleSet
from tests.builders import START, rule

CLF = rule(keys=[("ip",)], groups=["web*"], lines={"ip": 1, "status": 3})
LINE = b'192.0.2.1 [14/Nov/2023:22:13:20 +0000] 503 "GET /"'


def decoder(*rules: ContributorRule, events: int = 10) -> Decoder:
    limits = DecodeLimits(events_per_record=events)
    return Decoder(FieldMapping(), limits, RuleSet(rules))


def test_a_line_is_an_event_without_host_or_zone_and_with_its_own_time() -> None:
    decoded = decoder(CLF).decode(LINE, topic="web-1", record_ms=START + 5)
    [event] = decoded.events
    assert Envelope.CLF is decoded.envelope is event.envelope
    assert (1_700_000_000_000, TimeSource.FIELD) == (event.time_ms, event.time_source)
    assert ("web-1", "default", "", "", "") == (
        event.log_group, event.service, event.host, event.zone, event.event_id,
    )  # fmt: skip
    assert {"1": "192.0.2.1", "2": "14/Nov/2023:22:13:20 +0000", "3": "503", "4": "GET /"} == dict(
        event.document
    )


def test_a_line_without_time_has_its_record_s() -> None:
    [event] = decoder(CLF).decode(b"a b 200", topic="web", record_ms=START + 5).events
    assert (START + 5, TimeSource.RECORD) == (event.time_ms, event.time_source)


def test_every_line_of_a_record_is_an_event() -> None:
    raw = b"\xef\xbb\xbfa 1\r\n\n  \nb 2\n"
    events = decoder(CLF).decode(raw, topic="web", record_ms=START).events
    assert ["a", "b"] == [event.document["1"] for event in events]


@pytest.mark.parametrize(
    ("raw", "topic", "reason", "message"),
    [
        (LINE, "api", "bad_json", "the text is not json: invalid character at byte 5"),
        (b'a "b', "web", "bad_line",
         "the quote that opens field 2 is not closed before a space"),
        (b'a b\nc "d', "web", "bad_line",
         "line 2: the quote that opens field 2 is not closed before a space"),
        (b"a\n" * 11, "web", "too_many_events", "the record holds more than 10 events"),
        (b'{"host":1', "web", "bad_json", "the text is not json: input data was truncated"),
        (b'[{"host":1}, ', "web", "bad_json", "the text is not json: input data was truncated"),
        (b"a\x00b", "web", "bad_json", "the text is not json: invalid character at byte 0"),
        (b"a \xff", "web", "bad_utf8", "the text is not valid utf-8 at byte 2"),
        (b"[" * 40, "web", "too_deep", "the json nests deeper than 32 objects and lists"),
    ],
)  # fmt: skip
def test_what_no_rule_covers_or_is_no_line_is_refused_whole(
    raw: bytes, topic: str, reason: str, message: str
) -> None:
    decoded = decoder(CLF, rule("json")).decode(raw, topic=topic, record_ms=START)
    assert decoded.unreadable is not None
    assert reason == decoded.unreadable.reason
    assert message == decoded.unreadable.message
    assert not decoded.events


@pytest.mark.parametrize(
    "raw",
    [b"17", b'"text"', b"1 2 3", b'"a" 5', b"START RequestId: 7 {x}", b"\x1e\x0fx"],
)
def test_json_that_is_no_event_may_be_a_line(raw: bytes) -> None:
    decoded = decoder(CLF).decode(raw, topic="web", record_ms=START)
    expected = None if raw[0] != 0x1E else DeadLetterReason.UNSUPPORTED_ENCODING
    refused = decoded.unreadable
    assert expected == (None if refused is None else refused.reason)


def test_binary_that_is_named_is_no_line() -> None:
    decoded = decoder(CLF).decode(b"\x1f\x8b\xff", topic="web", record_ms=START)
    assert decoded.unreadable is not None


def test_without_any_time_a_line_is_refused() -> None:
    decoded = decoder(CLF).decode(b"a b", topic="web", record_ms=-1)
    assert decoded.unreadable is not None
    assert "bad_time" == decoded.unreadable.reason


def test_aliases_of_lines_do_not_make_events_of_json_objects() -> None:
    decoded = decoder(CLF).decode(b'{"ip": "a"}', topic="web", record_ms=START)
    assert decoded.unreadable is not None
    assert "no_known_field" == decoded.unreadable.reason
