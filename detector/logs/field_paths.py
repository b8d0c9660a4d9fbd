"""How a member of a log record is named, found and read as text.

Law: a member that is ``null`` is missing. A mapped name is first tried as the literal name of a
root member (``"host.name": "x"``), then as a path (``"host": {"name": "x"}``). Of several names the
first with a usable value wins. Contributor rules use paths only.

Known limits: a name that contains ``.``, ``[`` or ``]`` can be read as a root member but not inside
a path; there is no quoting.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

FieldPath = tuple[str | int, ...]
"""``$.users[1].name`` is ``("users", 1, "name")``; never empty, and begins with a name."""

_STEP = re.compile(r"\.([^.\[\]]+)|\[(0|[1-9][0-9]{0,8})\]")
_HASH_DIGITS = 16

Usable = TypeVar("Usable")


@dataclass(frozen=True, slots=True)
class FieldName:
    """A mapped name as a literal and as a path; ``path`` is ``None`` if it can only be literal."""

    literal: str
    path: FieldPath | None


class Found(NamedTuple):
    """The first usable member: the name that found it and its value."""

    name: str
    value: Any


def parse_path(text: str) -> FieldPath | None:
    """Parse the field notation of rules (``$.a.b``, ``$.list[0]``, ``$.users[1].name``).

    Return ``None`` for anything else, including an index at the root.
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
    """Format a field path in the notation of rules: ``$.users[1].name``."""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def field_names(names: Iterable[str]) -> tuple[FieldName, ...]:
    """Parse mapped names for lookups."""
    return tuple(_field_name(name) for name in names)


def _field_name(name: str) -> FieldName:
    if name.startswith("$."):
        return FieldName(name, parse_path(name))
    path = parse_path(f"$.{name}")
    return FieldName(name, path if path is not None and len(path) > 1 else None)


def lookup(document: Mapping[str, Any], path: FieldPath) -> Any:
    """Return the value at ``path``, ``None`` if there is none; never raises."""
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
    """Return the value of the member ``name``, ``None`` if there is none."""
    value = document.get(name.literal)
    if value is None and name.path is not None:
        return lookup(document, name.path)
    return value


def first_present(document: Mapping[str, Any], names: Iterable[FieldName]) -> Found | None:
    """Return the first member that is present and not ``null``, of any type."""
    for name in names:
        value = member(document, name)
        if value is not None:
            return Found(name.literal, value)
    return None


def first_usable(
    document: Mapping[str, Any], names: Iterable[FieldName], read: Callable[[Any], Usable | None]
) -> tuple[str, Usable] | None:
    """Return the name and read value of the first member for which ``read`` is not ``None``."""
    for name in names:
        value = member(document, name)
        if value is not None:
            usable = read(value)
            if usable is not None:
                return name.literal, usable
    return None


def as_text(value: Any) -> str | None:
    """Read a name (of a host, zone, service, caller): a non-empty string or an integer.

    Return ``None`` for anything else (fractions, booleans, objects, lists).
    """
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def as_key(value: Any) -> str | None:
    """Return a contributor key: strings unchanged, numbers and booleans as JSON prints them.

    ``42`` is ``"42"`` and ``42.0`` is ``"42.0"``. ``null``, objects and lists are not keys.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return None


def shorten_key(text: str, characters: int) -> str:
    """Shorten ``text`` to ``characters``; the last 17 are then ``~`` and a hash of the full text.

    Two long keys with the same start stay different. ``characters`` must be at least 18.
    """
    if len(text) <= characters:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]
    return f"{text[: characters - _HASH_DIGITS - 1]}~{digest}"


Names = Mapping[str, tuple[FieldName, ...]]
"""The names to try, by meaning, best first."""


class FieldIndex:
    """Finds in one pass which of the many mapped names a document may contain.

    Law: it only saves time and never changes a result. The names of every meaning keep their
    precedence, and a name is left out only if neither its literal member nor the first step of its
    path is present. Built once from the mapped names of every meaning (host, status, latency, ...).
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
        """Return the names to try, by meaning; meanings without one are left out."""
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

    def texts(
        self, document: Mapping[str, Any], names: Names, meanings: Iterable[str], characters: int
    ) -> dict[str, str]:
        """Return the text of each meaning, cut to ``characters``; empty where there is none."""
        found: dict[str, str] = {}
        for meaning in meanings:
            text = first_usable(document, names.get(meaning, ()), as_text)
            found[meaning] = "" if text is None else shorten_key(text[1], characters)
        return found

    def values(
        self, document: Mapping[str, Any], names: Names, meanings: Iterable[str]
    ) -> dict[str, Found]:
        """Return the first member of each meaning that is not ``null``; others are left out."""
        return {
            meaning: found
            for meaning in meanings
            if (found := first_present(document, names.get(meaning, ()))) is not None
        }

    def _in_order(self, meaning: str, names: tuple[FieldName, ...]) -> tuple[FieldName, ...]:
        return tuple(name for name in self._names_by_meaning[meaning] if name in names)
