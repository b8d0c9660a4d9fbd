"""Bytes into JSON values, guarded: UTF-8, nesting, one or several values in a text.

Law: nothing is built before the nesting of the whole text is known to be within its limit, and what
is refused comes back as ``Unreadable``, never as an exception. Of duplicate members the last wins.

A number that no double can hold (``1e999``) does not spoil its document: it is read as an empty
object, which no field takes for a value, so that it matters only where it is asked for.
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


def parse_values(raw: bytes, *, nesting: int, most: int) -> list[Any] | Unreadable:
    """Read all JSON values of a text, with or without white space between them.

    ``nesting`` bounds the depth of objects and lists, ``most`` the number of values. A text of
    nothing but white space has no values.
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
        return _read(raw, most)
    except msgspec.ValidationError:
        tamed = _STRINGS_OR_NUMBERS.sub(_tame, raw)
    try:
        return _read(tamed, most)
    except msgspec.ValidationError:
        return _malformed("a number out of range runs into other text", 0)


def nests_deeper(raw: bytes, limit: int) -> bool:
    """Say whether objects and lists nest deeper than ``limit``; brackets in strings are text."""
    if raw.count(b"{") + raw.count(b"[") <= limit:
        return False
    # Without its escapes, every second piece between quotes is the inside of a string.
    plain = raw.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in raw else raw
    brackets = b"".join(plain.split(b'"')[::2]).translate(None, _NOT_BRACKETS)
    if _vanishes(brackets, limit // 2):
        return False
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in b"[{" else -1
        if depth > limit:
            return True
    return False


def cut_deeper(raw: bytes, limit: int) -> bytes:
    """Put an empty object in the place of each object and list that nests deeper than ``limit``.

    What is cut out is not looked at. A text that ends inside of it ends with the empty object.
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


def _vanishes(brackets: bytes, rounds: int) -> bool:
    """Say whether taking out innermost pairs empties the text; a round takes at most two levels."""
    for _ in range(rounds):
        if not brackets:
            return True
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return not brackets


def _read(raw: bytes, most: int) -> list[Any] | Unreadable:
    values: list[Any] = []
    rest = memoryview(raw.rstrip())
    while rest:
        if len(values) == most:
            return too_many_events(most)
        try:
            values.append(_decode(rest))
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError as error:
            trailing = _TRAILING.search(str(error))
            if trailing is None:
                return _malformed(str(error), len(raw.rstrip()) - len(rest))
            # The byte that msgspec names is one past the first that it did not expect.
            end = int(trailing[1]) - 1
            values.append(_decode(rest[:end]))
            rest = rest[end:]
        else:
            break
    return values


def too_many_events(most: int) -> Unreadable:
    """Refuse a record of more than ``most`` events."""
    return Unreadable(DeadLetterReason.TOO_MANY_EVENTS, f"the record holds more than {most} events")


def _tame(token: re.Match[bytes]) -> bytes:
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
