"""Which object in a record is the event, and how often it was wrapped."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from detector.core.vocabulary import DeadLetterReason, Envelope
from detector.logs.events import Unreadable
from detector.logs.fields import DecodeLimits
from detector.logs.unwrap import Document, Strength, Unwrapped, Unwrapper

EMF: dict[str, Any] = {"_aws": {"Timestamp": 1}, "n": 1}
V0: dict[str, Any] = {"CloudWatchMetrics": [], "n": 2}
MEASURED: dict[str, Any] = {"status": 200}
NAMED: dict[str, Any] = {"host": "h"}


def strength_of(document: Mapping[str, Any]) -> Strength:
    """Stand in for the field mapping."""
    if "status" in document:
        return Strength.MEASURED
    return Strength.NAMED if "host" in document else Strength.NOTHING


OPENER = Unwrapper(DecodeLimits(), strength_of)


def opened(value: Any) -> Unwrapped | Unreadable:
    return OPENER.open_text(value if isinstance(value, bytes) else json.dumps(value).encode())


def found(value: Any) -> tuple[Envelope, list[dict[str, Any]], Strength]:
    read = opened(value)
    assert isinstance(read, Unwrapped), read
    return read.envelope, [dict(document.root) for document in read.documents], read.strength


def text(value: Any) -> str:
    return json.dumps(value)


@pytest.mark.parametrize(
    ("value", "envelope", "documents", "strength"),
    [
        (EMF, Envelope.EMF, [EMF], Strength.EMF),
        (V0, Envelope.EMF_V0, [V0], Strength.EMF),
        ({**V0, **EMF}, Envelope.EMF, [{**V0, **EMF}], Strength.EMF),
        (MEASURED, Envelope.PLAIN, [MEASURED], Strength.MEASURED),
        (NAMED, Envelope.PLAIN, [NAMED], Strength.NAMED),
        ({}, Envelope.PLAIN, [{}], Strength.NOTHING),
        ({"_aws": 1}, Envelope.PLAIN, [{"_aws": 1}], Strength.NOTHING),
        ({**NAMED, "message": text(EMF) + "\n"}, Envelope.TEXT, [EMF], Strength.EMF),
        ({"log": " " + text(EMF)}, Envelope.TEXT, [EMF], Strength.EMF),
        ({"event": text(V0)}, Envelope.TEXT, [V0], Strength.EMF),
        ({"structured": text(EMF)}, Envelope.TEXT, [EMF], Strength.EMF),
        ({"message": text(EMF) + text(V0)}, Envelope.TEXT, [EMF, V0], Strength.EMF),
        ({**NAMED, "message": EMF}, Envelope.PARSED, [EMF], Strength.EMF),
        ({**NAMED, "structured": EMF}, Envelope.PARSED, [EMF], Strength.EMF),
        ({**NAMED, "log": EMF}, Envelope.PARSED, [EMF], Strength.EMF),
        ({**NAMED, "event": MEASURED}, Envelope.PARSED, [MEASURED], Strength.MEASURED),
        ({"log": {"message": text(EMF)}}, Envelope.VECTOR_NATIVE, [EMF], Strength.EMF),
        ({"log": EMF}, Envelope.VECTOR_NATIVE, [EMF], Strength.EMF),
        ({"log": NAMED}, Envelope.VECTOR_NATIVE, [NAMED], Strength.NAMED),
        (text(EMF), Envelope.JSON_STRING, [EMF], Strength.EMF),
        (text(text(EMF)), Envelope.JSON_STRING, [EMF], Strength.EMF),
        (text([EMF, V0]), Envelope.JSON_STRING, [EMF, V0], Strength.EMF),
        ([EMF, text(V0)], Envelope.ARRAY, [EMF, V0], Strength.EMF),
        ([], Envelope.ARRAY, [], Strength.EMF),
        ([EMF, [V0, MEASURED]], Envelope.ARRAY, [EMF, V0, MEASURED], Strength.MEASURED),
        ([EMF, {}], Envelope.ARRAY, [EMF, {}], Strength.NOTHING),
        (text(EMF).encode() * 2, Envelope.SEVERAL, [EMF, EMF], Strength.EMF),
        (f"{text(EMF)}\n{text(NAMED)}\n".encode(), Envelope.SEVERAL, [EMF, NAMED], Strength.NAMED),
        (b"\xef\xbb\xbf" + text(EMF).encode(), Envelope.EMF, [EMF], Strength.EMF),
    ],
)
def test_every_envelope_is_opened(
    value: Any, envelope: Envelope, documents: list[Any], strength: Strength
) -> None:
    assert (envelope, documents, strength) == found(value)


@pytest.mark.parametrize(
    ("outer", "inner", "event"),
    [
        (MEASURED, EMF, "inner"),
        (MEASURED, {"status": 500}, "outer"),
        (MEASURED, {}, "outer"),
        (NAMED, {"status": 500}, "inner"),
        (NAMED, {"host": "g"}, "outer"),
        (NAMED, {}, "outer"),
        ({}, NAMED, "inner"),
    ],
)
@pytest.mark.parametrize("member", ["message", "log", "event", "structured"])
@pytest.mark.parametrize("as_text", [True, False])
def test_the_stronger_object_is_the_event_and_the_outer_one_on_a_tie(
    outer: dict[str, Any], inner: dict[str, Any], event: str, member: str, as_text: bool
) -> None:
    whole = {**outer, "other": 1, member: text(inner) if as_text else inner}
    assert [inner if event == "inner" else whole] == found(whole)[1]


def test_of_several_payloads_the_strongest_is_taken() -> None:
    value = {"message": NAMED, "log": text(EMF), "event": MEASURED}
    assert (Envelope.TEXT, [EMF], Strength.EMF) == found(value)


@pytest.mark.parametrize("line", ["plain words", "{main} started", "[info] {", "", "{"])
def test_words_under_message_are_no_payload(line: str) -> None:
    value = {**NAMED, "message": line}
    assert (Envelope.PLAIN, [value], Strength.NAMED) == found(value)


def test_a_broken_payload_refuses_a_record_without_a_measurement_of_its_own() -> None:
    broken = text(EMF)[:-3]
    assert opened({**NAMED, "message": broken}) == Unreadable(
        DeadLetterReason.BAD_JSON,
        "under 'message': the text is not json: input data was truncated",
    )
    assert found({**MEASURED, "message": broken})[0] is Envelope.PLAIN
    assert found({**NAMED, "message": broken, "log": text(EMF)})[1] == [EMF]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (3, "a number"),
        (None, "null"),
        (True, "a truth value"),
        ("hi", "text that is no json"),
        ([EMF, 1], "a number"),
    ],
)
def test_an_event_is_an_object(value: Any, what: str) -> None:
    message = f"found {what} where an event is expected, which is a json object"
    assert Unreadable(DeadLetterReason.NOT_AN_OBJECT, message) == opened(value)


def test_the_first_of_two_broken_payloads_is_reported() -> None:
    read = opened({"message": '{"a', "log": '{"a":}'})
    assert isinstance(read, Unreadable)
    assert read.message.startswith("under 'message'")


OTLP_HINT = "otlp json batch (resourceLogs): send one json object per log record"
TRUNCATED = "the text is not json: input data was truncated"


@pytest.mark.parametrize(
    ("value", "reason", "message"),
    [
        (text(EMF)[:-1].encode(), "bad_json", TRUNCATED),
        ([text(EMF), '{"a'], "bad_json", TRUNCATED),
        (b"\xef\xbb\xbf{", "bad_json", TRUNCATED),
        (b'{"a":"\xff"}', "bad_utf8", "the text is not valid utf-8 at byte 6"),
        ({"resourceLogs": []}, "unsupported_encoding", OTLP_HINT),
        ({**NAMED, "event": {"resourceLogs": []}}, "unsupported_encoding", OTLP_HINT),
        (
            {**NAMED, "message": text({"resourceLogs": []})},
            "unsupported_encoding",
            f"under 'message': {OTLP_HINT}",
        ),
        (
            b"INIT " + text(EMF).encode(),
            "unsupported_encoding",
            "text before the first '{', as the lambda runtime writes: send the json alone",
        ),
        (
            b"\x1f\x8b\x08\x00",
            "unsupported_encoding",
            "gzip inside the record, as cloudwatch logs subscriptions send: unpack it first",
        ),
        (b"[" * 33, "too_deep", "the json nests deeper than 32 objects and lists"),
        ([[[[EMF]]]], "too_deep", "the event is wrapped more than 3 times"),
        (text(text(text(text(EMF)))), "too_deep", "the event is wrapped more than 3 times"),
        (
            {"log": {"log": {"log": {"log": EMF}}}},
            "too_deep",
            "the event is wrapped more than 3 times",
        ),
    ],
)
def test_what_cannot_be_opened_says_why(value: Any, reason: str, message: str) -> None:
    assert Unreadable(DeadLetterReason(reason), message) == opened(value)


@pytest.mark.parametrize(
    "value",
    [
        [[[EMF]]],
        text(text(text(EMF))),
        {"log": {"message": text({"event": EMF})}},
        [{"message": text({"log": EMF})}],
    ],
)
def test_three_wrappings_are_opened(value: Any) -> None:
    assert [EMF] == found(value)[1]


@pytest.mark.parametrize(
    "value",
    [[EMF] * 4, [[EMF, EMF], [EMF, EMF]], text(EMF).encode() * 4, {"log": text(EMF) * 4}],
)
def test_more_events_than_the_limit_are_refused_and_as_many_are_read(value: Any) -> None:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    within = Unwrapper(DecodeLimits(events_per_record=4), strength_of).open_text(raw)
    beyond = Unwrapper(DecodeLimits(events_per_record=3), strength_of).open_text(raw)
    assert isinstance(within, Unwrapped)
    assert [Document(EMF, Envelope.EMF)] * 4 == within.documents
    assert isinstance(beyond, Unreadable)
    assert beyond.reason is DeadLetterReason.TOO_MANY_EVENTS


def test_a_bare_emf_event_is_read_without_what_nests_too_deep() -> None:
    deep = b'{"_aws":{"Timestamp":1},"x":' + b"[" * 40 + b"]" * 40 + b',"n":1}'
    cut: Any = {}
    for _ in range(31):
        cut = [cut]
    assert (Envelope.EMF, [{**EMF, "x": cut}], Strength.EMF) == found(deep)


@pytest.mark.parametrize(
    "around",
    [b'{"status":200,"x":%s}', b"%s", b'{"_aws":{},"x":%s}{"_aws":{}}', b'{"_aws":{},"x":%s'],
)
def test_any_other_record_that_nests_too_deep_is_refused(around: bytes) -> None:
    message = "the json nests deeper than 32 objects and lists"
    expected = Unreadable(DeadLetterReason.TOO_DEEP, message)
    assert expected == opened(around % (b"[" * 40 + b"]" * 40))
