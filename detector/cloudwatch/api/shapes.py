"""Converts and checks members against their shape, for requests and answers alike.

Law: nothing that the model does not allow passes: unknown members, wrong types, missing members,
unions with several members. A null member counts as left out.

Each protocol brings a table of functions that read or write its scalars.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from detector.cloudwatch.api.model import Shape
from detector.core.errors import Fault
from detector.core.safe_text import escape_controls


class ScalarError(Exception):
    """A value is not of its type; the message completes "found ..., expected ..."."""


Scalars = Mapping[str, Callable[[Any], Any]]
"""Functions by type name of the model; each converts a value or raises ``ScalarError``."""
Check = Callable[[Shape, Any], str | None]
"""Returns what was expected of a value of the right type; ``None`` when it is valid."""

_MAX_FAULTS = 10
_SHOWN_CHARACTERS = 60


def shown(value: object) -> str:
    """Return a value for an error message: short, and without control characters."""
    if isinstance(value, Mapping):
        return "a structure"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = repr(value) if not isinstance(value, str | bytes) else repr(value[:_SHOWN_CHARACTERS])
    text = escape_controls(text)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."


class Walk:
    """One conversion; ``result`` is valid only if ``faults`` is empty.

    ``faults`` holds the first ten; ``missing`` counts required members that were left out.
    """

    def __init__(self, shape: Shape, value: Any, scalars: Scalars, check: Check) -> None:
        self._scalars = scalars
        self._check = check
        self.faults: list[Fault] = []
        self.missing = 0
        self.result: Any = self._walk(shape, value, "")

    def _walk(self, shape: Shape, value: Any, path: str) -> Any:
        kind = shape.type_name
        if kind == "structure":
            return self._structure(shape, value, path)
        if kind == "list":
            return self._list(shape, value, path)
        if kind == "map":
            return self._map(shape, value, path)
        try:
            found = self._scalars[kind](value)
        except ScalarError as error:
            return self._fault(path, shown(value), str(error))
        return self._checked(shape, found, path)

    def _structure(self, shape: Shape, value: Any, path: str) -> Any:
        if not isinstance(value, Mapping):
            return self._fault(path, shown(value), "a structure")
        given = {name: each for name, each in value.items() if each is not None}
        members = shape.members
        for name in given:
            if name not in members:
                names = ", ".join(members) or "nothing"
                self._fault(_below(path, name), "an unknown member", f"one of {names}")
        for name in shape.required_members:
            if name not in given:
                self.missing += 1
                self._fault(_below(path, name), "nothing", f"a {members[name].type_name}")
        if shape.is_tagged_union and len(given) != 1:
            self._fault(path, f"{len(given)} members", f"exactly one of {', '.join(members)}")
        return {
            name: self._walk(member, given[name], _below(path, name))
            for name, member in members.items()
            if name in given and not self._is_full
        }

    def _list(self, shape: Shape, value: Any, path: str) -> Any:
        if not isinstance(value, list | tuple):
            return self._fault(path, shown(value), "a list")
        found = []
        for at, each in enumerate(value):
            if self._is_full:
                break
            found.append(self._walk(shape.member, each, f"{path}[{at}]"))
        return self._checked(shape, found, path)

    def _map(self, shape: Shape, value: Any, path: str) -> Any:
        if not isinstance(value, Mapping):
            return self._fault(path, shown(value), "a map")
        found = {}
        for key, each in value.items():
            if self._is_full:
                break
            name = self._walk(shape.key, key, f"{path} (key)")
            found[name] = self._walk(shape.value, each, f"{path}[{shown(key)}]")
        return self._checked(shape, found, path)

    def _checked(self, shape: Shape, value: Any, path: str) -> Any:
        expected = self._check(shape, value)
        return value if expected is None else self._fault(path, shown(value), expected)

    @property
    def _is_full(self) -> bool:
        return len(self.faults) >= _MAX_FAULTS

    def _fault(self, path: str, found: str, expected: str) -> None:
        if not self._is_full:
            self.faults.append(Fault(0, path or "the request", found, expected))

    def message(self) -> str:
        """Return the faults in one line."""
        return "; ".join(map(str, self.faults))


def _below(path: str, name: object) -> str:
    last = name if isinstance(name, str) else repr(name)
    last = escape_controls(last[:_SHOWN_CHARACTERS])
    return f"{path}.{last}" if path else last


def every_shape(shape: Shape) -> Iterator[Shape]:
    """Yield ``shape`` and all shapes nested in it."""
    yield shape
    if shape.type_name == "structure":
        for member in shape.members.values():
            yield from every_shape(member)
    elif shape.type_name == "list":
        yield from every_shape(shape.member)
    elif shape.type_name == "map":
        yield from every_shape(shape.key)
        yield from every_shape(shape.value)
