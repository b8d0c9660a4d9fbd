"""Unwrapping: finds the documents in the value of a record that are events.

Law, in this order: an object with an ``_aws`` object is EMF; one with a ``CloudWatchMetrics`` list
is EMF version 0; one that is known to wrap events in an unsupported way is refused. Any other
object is compared with its payloads under ``message``, ``log``, ``event`` and ``structured`` (an
object, or text that looks like a JSON object). The strongest is the event: EMF before documents
with a measurement before documents with only a name; on a tie the outer one. If a payload is
unreadable and neither the object nor another payload has a measurement, the record is refused: a
broken event must never pass for a healthy request.

A bare EMF event that nests too deep is read with an empty object in place of each part that is too
deep. The typed loops skip unused members without looking into them, so they cannot see that depth,
and both paths must agree. Any other record that nests too deep is refused.

Lists, and several values in a text, are several events. A record counts as a whole or not at all.
Each step inwards counts towards ``unwrap_depth``. Nothing is inherited from a wrapper: an EMF event
inside a shipper's object is read as if it had arrived alone.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from detector.core.vocabulary import DeadLetterReason, Envelope
from detector.logs.encodings import recognise_bytes, recognise_object
from detector.logs.events import Unreadable
from detector.logs.fields import DecodeLimits
from detector.logs.json_text import cut_deeper, parse_values, too_many_events

_PAYLOAD_MEMBERS = ("message", "log", "event", "structured")
_BOM = b"\xef\xbb\xbf"
_LOOKS_LIKE_OBJECT = re.compile(r'\s*\{\s*["}]')
_LOOKS_LIKE_JSON = re.compile(r'\s*[{\["]')


class Strength(IntEnum):
    """How certain it is that an object is an event."""

    NOTHING = 0
    NAMED = 1
    MEASURED = 2
    EMF = 3


class Document(NamedTuple):
    """One event's object; ``form`` is ``emf``, ``emf_v0`` or ``plain``."""

    root: Mapping[str, Any]
    form: Envelope


class Unwrapped(NamedTuple):
    """The documents of a value, its outermost wrapping, and its weakest document's strength."""

    envelope: Envelope
    documents: list[Document]
    strength: Strength


@dataclass(frozen=True, slots=True)
class Unwrapper:
    """Unwraps records; ``strength_of`` rates an object as a plain event."""

    limits: DecodeLimits
    strength_of: Callable[[Mapping[str, Any]], Strength]

    def open_text(self, raw: bytes, depth: int = 0) -> Unwrapped | Unreadable:
        """Open a JSON text with one or more values; ``depth`` counts the wrappings around it."""
        raw = raw.removeprefix(_BOM)
        limits = self.limits
        values = parse_values(raw, nesting=limits.nesting, max_values=limits.events_per_record)
        if isinstance(values, Unreadable):
            if depth == 0 and values.reason is DeadLetterReason.TOO_DEEP:
                return self._open_deep_emf(raw) or values
            return _refused_encoding(raw, values)
        if len(values) == 1:
            return self._open_value(values[0], depth)
        return self._open_each(Envelope.SEVERAL, values, depth)

    def _open_deep_emf(self, raw: bytes) -> Unwrapped | None:
        """Open a bare EMF event without its parts that nest too deep, else return ``None``."""
        # The empty objects that replace them lie one level below the limit.
        nesting = self.limits.nesting
        values = parse_values(cut_deeper(raw, nesting), nesting=nesting + 1, max_values=1)
        match values:
            case [{"_aws": dict()} as document]:
                return _alone(document, Envelope.EMF, Strength.EMF)
        return None

    def _open_value(self, value: Any, depth: int) -> Unwrapped | Unreadable:
        if depth > self.limits.unwrap_depth:
            return Unreadable(
                DeadLetterReason.TOO_DEEP,
                f"the event is wrapped more than {self.limits.unwrap_depth} times",
            )
        if isinstance(value, dict):
            return self._open_object(value, depth)
        if isinstance(value, list):
            return self._open_each(Envelope.ARRAY, value, depth + 1)
        if isinstance(value, str) and _LOOKS_LIKE_JSON.match(value):
            opened = self.open_text(value.encode(), depth + 1)
            if isinstance(opened, Unreadable):
                return opened
            return Unwrapped(Envelope.JSON_STRING, opened.documents, opened.strength)
        return Unreadable(
            DeadLetterReason.NOT_AN_OBJECT,
            f"found {_json_type(value)} where an event is expected, which is a json object",
        )

    def _open_each(
        self, envelope: Envelope, values: Iterable[Any], depth: int
    ) -> Unwrapped | Unreadable:
        documents: list[Document] = []
        strength = Strength.EMF
        for value in values:
            opened = self._open_value(value, depth)
            if isinstance(opened, Unreadable):
                return opened
            documents += opened.documents
            strength = min(strength, opened.strength)
            if len(documents) > self.limits.events_per_record:
                return too_many_events(self.limits.events_per_record)
        return Unwrapped(envelope, documents, strength)

    def _open_object(self, document: Mapping[str, Any], depth: int) -> Unwrapped | Unreadable:
        if isinstance(document.get("_aws"), dict):
            return _alone(document, Envelope.EMF, Strength.EMF)
        if isinstance(document.get("CloudWatchMetrics"), list):
            return _alone(document, Envelope.EMF_V0, Strength.EMF)
        hint = recognise_object(document)
        if hint is not None:
            return Unreadable(DeadLetterReason.UNSUPPORTED_ENCODING, hint)
        best = _alone(document, Envelope.PLAIN, self.strength_of(document))
        refusal: Unreadable | None = None
        for name in _PAYLOAD_MEMBERS:
            opened = self._open_payload(document, name, depth + 1)
            if isinstance(opened, Unreadable):
                refusal = refusal or opened
            elif opened is not None and opened.strength > best.strength:
                best = opened
        if refusal is not None and best.strength < Strength.MEASURED:
            return refusal
        return best

    def _open_payload(
        self, document: Mapping[str, Any], name: str, depth: int
    ) -> Unwrapped | Unreadable | None:
        payload = document.get(name)
        if isinstance(payload, dict):
            opened = self._open_value(payload, depth)
            native = name == "log" and len(document) == 1
            envelope = Envelope.VECTOR_NATIVE if native else Envelope.PARSED
        elif isinstance(payload, str) and _LOOKS_LIKE_OBJECT.match(payload):
            opened = self.open_text(payload.encode(), depth)
            envelope = Envelope.TEXT
            if isinstance(opened, Unreadable):
                return Unreadable(opened.reason, f"under {name!r}: {opened.message}")
        else:
            return None
        if isinstance(opened, Unreadable):
            return opened
        return Unwrapped(envelope, opened.documents, opened.strength)


def _alone(document: Mapping[str, Any], form: Envelope, strength: Strength) -> Unwrapped:
    return Unwrapped(form, [Document(document, form)], strength)


def _refused_encoding(raw: bytes, refused: Unreadable) -> Unreadable:
    """Name the encoding of the bytes if it is known; else return the refusal unchanged."""
    if refused.reason not in {DeadLetterReason.BAD_JSON, DeadLetterReason.BAD_UTF8}:
        return refused
    hint = recognise_bytes(raw, valid_utf8=refused.reason is DeadLetterReason.BAD_JSON)
    if hint is None:
        return refused
    return Unreadable(DeadLetterReason.UNSUPPORTED_ENCODING, hint)


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, str):
        return "text that is no json"
    return "null" if value is None else "a number"
