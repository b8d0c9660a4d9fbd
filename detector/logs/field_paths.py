"""How a member of a log record is named, found and read as text.

Law: a member that is ``null`` is missing. A mapped name is tried as the literal name of a root
member first (``"host.name": "x"``), then as a path (``"host": {"name": "x"}``); of several names
the first that holds something usable wins. Contributor rules use paths only.

Known limits: a name that contains ``.``, ``[`` or ``]`` can be reached as a root member, not inside
a path; there is no notation for quoting.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

FieldPath = tuple[str | int, ...]
"""``$.users[1].name`` as ``("users", 1, "name")``; never empty and begins with a name."""

_STEP = re.compile(r"\.([^.\[\]]+)|\[(0|[1-9][0-9]{0,8})\]")
_HASH_DIGITS = 16

Usable = TypeVar("Usable")


@dataclass(frozen=True, slots=True)
class FieldName:
    """A mapped name in both its readings; ``path`` is ``None`` where it can only be literal."""

    literal: str
    path: FieldPath | None


class Found(NamedTuple):
    """The first usable member: the name that found it and its value."""

    name: str
    value: Any


def parse_path(text: str) -> FieldPath | None:
    """Read the field notation of rules (``$.a.b``, ``$.list[0]``, ``$.users[1].name``).

    Return ``None`` for anything else, an index at the root among it.
    """
    if not text.startswith("$."):
        return None
    steps: list[str | int] = []
    position = 1
    while position < len(text):
        step = _STEP.match(text, position)
        if step is None:
            return None
        steps.append(step[1] if step[1] is not None else int(step[2]))
        position = step.end()
    return tuple(steps) or None


def path_text(path: FieldPath) -> str:
    """Write a field path the way rules do: ``$.users[1].name``."""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def field_names(names: Iterable[str]) -> tuple[FieldName, ...]:
    """Prepare mapped names for reading."""
    return tuple(_field_name(name) for name in names)


def _field_name(name: str) -> FieldName:
    if name.startswith("$."):
        return FieldName(name, parse_path(name))
    path = parse_path(f"$.{name}")
    return FieldName(name, path if path is not None and len(path) > 1 else None)


def lookup(document: Mapping[str, Any], path: FieldPath) -> Any:
    """Return the value at ``path``, ``None`` when there is none; never raises."""
    value: Any = document
    for step in path:
        if isinstance(step, str):
            if not isinstance(value, dict):
                return None
            value = value.get(step)
        elif isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def member(document: Mapping[str, Any], name: FieldName) -> Any:
    """Return what ``name`` finds, ``None`` when it finds nothing."""
    value = document.get(name.literal)
    if value is None and name.path is not None:
        return lookup(document, name.path)
    return value


def first_present(document: Mapping[str, Any], names: Iterable[FieldName]) -> Found | None:
    """Return the first member that is there and not ``null``, whatever its type."""
    for name in names:
        value = member(document, name)
        if value is not None:
            return Found(name.literal, value)
    return None


def first_usable(
    document: Mapping[str, Any], names: Iterable[FieldName], read: Callable[[Any], Usable | None]
) -> tuple[str, Usable] | None:
    """Return name and reading of the first member for which ``read`` returns something."""
    for name in names:
        value = member(document, name)
        if value is not None:
            usable = read(value)
            if usable is not None:
                return name.literal, usable
    return None


def as_text(value: Any) -> str | None:
    """Read a name (of a host, zone, service, caller): a string that is not empty, or an integer.

    Anything else (fractions, truth values, objects, lists) is no name: ``None``.
    """
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def as_key(value: Any) -> str | None:
    """Write a contributor key: strings as they are, numbers and truth values as JSON prints them.

    ``42`` is ``"42"`` and ``42.0`` is ``"42.0"``. ``null``, objects and lists are no keys.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return None


def shorten_key(text: str, characters: int) -> str:
    """Cut ``text`` to ``characters`` when longer, the last 17 being ``~`` and a hash of the whole.

    Two long keys with one beginning stay two keys. ``characters`` must be at least 18.
    """
    if len(text) <= characters:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]
    return f"{text[: characters - _HASH_DIGITS - 1]}~{digest}"


Names = Mapping[str, tuple[FieldName, ...]]
"""The names worth trying, by meaning, best first."""


class FieldIndex:
    """Which of the many mapped names a document can hold at all, found in one pass.

    Law: only speed. For every meaning the names come in their order of precedence, and a name is
    left out only where neither its literal member nor the first step of its path is there. Built
    once from the mapped names of every meaning (host, status, latency, ...).
    """

    def __init__(self, names_by_meaning: Mapping[str, Iterable[str]]) -> None:
        self._names_by_meaning = {
            meaning: field_names(names) for meaning, names in names_by_meaning.items()
        }
        self._uses_by_member: dict[str, list[tuple[str, tuple[FieldName]]]] = {}
        for meaning, names in self._names_by_meaning.items():
            for name in names:
                for member in {name.literal, str(name.path[0]) if name.path else name.literal}:
                    self._uses_by_member.setdefault(member, []).append((meaning, (name,)))

    def names_in(self, document: Mapping[str, Any]) -> Names:
        """Return the names worth trying; a meaning without any is left out."""
        found: dict[str, tuple[FieldName, ...]] = {}
        uses_by_member = self._uses_by_member
        for member in document:
            if member in uses_by_member:
                for meaning, name in uses_by_member[member]:
                    if meaning in found:
                        found[meaning] = self._in_order(meaning, found[meaning] + name)
                    else:
                        found[meaning] = name
        return found

    def _in_order(self, meaning: str, names: tuple[FieldName, ...]) -> tuple[FieldName, ...]:
        return tuple(name for name in self._names_by_meaning[meaning] if name in names)
