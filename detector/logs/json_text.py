"""Parses bytes into JSON values, with checks of UTF-8 and nesting; a text may hold several values.

Law: the nesting of the whole text is checked before any value is built, and a refused text is
returned as ``Unreadable``, never raised. Of duplicate members the last wins.

A number that no double can hold (``1e999``) does not make its document unreadable: it is read as an
empty object. No field accepts that as a value, so it matters only where the member is read.
"""

import math
import re
from typing import Any

import msgspec

from detector.core.vocabulary import DeadLetterReason
from detector.logs.events import Unreadable

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
_STRINGS_OR_NUMBERS = re.compile(_STRING + rb"|-?[0-9][0-9.eE+-]*+", re.DOTALL)
_STRINGS_OR_BRACKETS = re.compile(_STRING + rb"|[][{}]", re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OPENING = frozenset((b"{", b"["))
_CLOSING = frozenset((b"}", b"]"))
_TRAILING = re.compile(r"trailing characters \(byte ([0-9]+)\)")
_BYTE = re.compile(r" \(byte ([0-9]+)\)")

_decode = msgspec.json.Decoder().decode


def parse_values(raw: bytes, *, nesting: int, max_values: int) -> list[Any] | Unreadable:
    """Read all JSON values of a text, with or without white space between them.

    ``nesting`` bounds the depth of objects and lists, ``max_values`` the number of values. A text
    of white space alone has no values.
    """
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return Unreadable(
            DeadLetterReason.BAD_UTF8, f"the text is not valid utf-8 at byte {error.start}"
        )
    if nests_deeper(raw, nesting):
        return Unreadable(
            DeadLetterReason.TOO_DEEP, f"the json nests deeper than {nesting} objects and lists"
        )
    try:
        return _read(raw, max_values)
    except msgspec.ValidationError:
        in_range = _STRINGS_OR_NUMBERS.sub(_replace_out_of_range, raw)
    try:
        return _read(in_range, max_values)
    except msgspec.ValidationError:
        return _malformed("a number out of range runs into other text", 0)


def nests_deeper(raw: bytes, limit: int) -> bool:
    """Say whether objects and lists nest deeper than ``limit``; strings are ignored."""
    if raw.count(b"{") + raw.count(b"[") <= limit:
        return False
    # Once escapes are removed, every second piece between quotes is the content of a string.
    plain = raw.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in raw else raw
    brackets = b"".join(plain.split(b'"')[::2]).translate(None, _NOT_BRACKETS)
    if _closes_within(brackets, limit // 2):
        return False
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in b"[{" else -1
        if depth > limit:
            return True
    return False


def cut_deeper(raw: bytes, limit: int) -> bytes:
    """Replace each object and list that nests deeper than ``limit`` with an empty object.

    Replaced parts are not checked. A text that ends inside one ends with the empty object.
    """
    kept: list[bytes] = []
    depth = begin = 0
    for token in _STRINGS_OR_BRACKETS.finditer(raw):
        if token[0] in _OPENING:
            if depth == limit:
                kept += (raw[begin : token.start()], b"{}")
                begin = len(raw)
            depth += 1
        elif token[0] in _CLOSING:
            depth -= 1
            if depth == limit:
                begin = token.end()
    return b"".join((*kept, raw[begin:]))


def _closes_within(brackets: bytes, rounds: int) -> bool:
    """Say whether removing innermost pairs empties the text; a round removes up to two levels."""
    for _ in range(rounds):
        if not brackets:
            return True
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return not brackets


def _read(raw: bytes, max_values: int) -> list[Any] | Unreadable:
    values: list[Any] = []
    rest = memoryview(raw.rstrip())
    while rest:
        if len(values) == max_values:
            return too_many_events(max_values)
        try:
            values.append(_decode(rest))
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError as error:
            trailing = _TRAILING.search(str(error))
            if trailing is None:
                return _malformed(str(error), len(raw.rstrip()) - len(rest))
            # The position that msgspec reports is one past the first unexpected byte.
            end = int(trailing[1]) - 1
            values.append(_decode(rest[:end]))
            rest = rest[end:]
        else:
            break
    return values


def too_many_events(limit: int) -> Unreadable:
    """Return the refusal of a record with more than ``limit`` events."""
    message = f"the record holds more than {limit} events"
    return Unreadable(DeadLetterReason.TOO_MANY_EVENTS, message)


def _replace_out_of_range(token: re.Match[bytes]) -> bytes:
    text = token[0]
    if text.startswith(b'"'):
        return text
    try:
        finite = math.isfinite(float(text))
    except ValueError:
        return text
    return text if finite else b"{}"


def _malformed(error: str, offset: int) -> Unreadable:
    detail = error.removeprefix("JSON is malformed: ")
    detail = _BYTE.sub(lambda byte: f" at byte {int(byte[1]) + offset}", detail)
    return Unreadable(
        DeadLetterReason.BAD_JSON, f"the text is not json: {detail[0].lower()}{detail[1:]}"
    )
