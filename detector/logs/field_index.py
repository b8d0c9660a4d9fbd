"""Which of the many mapped names a document can hold at all, found in one pass over its members.

Law: only speed. For every meaning the names come in their order of precedence, and a name is left
out only where neither its literal member nor the first step of its path is there.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from detector.logs.field_paths import FieldName, field_names

Names = Mapping[str, tuple[FieldName, ...]]
"""The names worth trying, by meaning, best first."""


class FieldIndex:
    """Built once from the mapped names of every meaning (host, status, latency, ...)."""

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
