"""Dotted names of a form, turned into structures and lists."""

from collections.abc import Iterable
from typing import Any

from detector.cloudwatch.api.messages import RequestError
from detector.cloudwatch.api.model import Shape
from detector.cloudwatch.api.reading import malformed
from detector.cloudwatch.api.shapes import shown

MAX_DEPTH = 32
_DIGITS = 9


def tree_of(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return nested mappings, one level for each part of a name; raises ``RequestError``."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        *steps, last = name.split(".")
        if len(steps) >= MAX_DEPTH:
            raise _refused(f"{shown(name)} has more than {MAX_DEPTH} parts")
        node = root
        for step in steps:
            below = node.setdefault(step, {})
            if not isinstance(below, dict):
                raise _refused(f"{shown(name)} is both a value and a structure")
            node = below
        if last in node:
            raise _refused(f"{shown(name)} is given twice")
        node[last] = value
    return root


def untangled(shape: Shape, node: Any) -> Any:
    """Return ``node`` with its lists and maps built; what does not fit ``shape`` is unchanged."""
    kind = shape.type_name
    if kind == "structure" and isinstance(node, dict):
        members = shape.members
        return {
            name: untangled(members[name], below) if name in members else below
            for name, below in node.items()
        }
    if kind == "list":
        return _list(shape, node)
    if kind == "map":
        return _map(shape, node)
    return node


def _list(shape: Shape, node: Any) -> Any:
    if node == "":
        return []
    entries = _numbered(node, "member")
    return node if entries is None else [untangled(shape.member, each) for each in entries]


def _map(shape: Shape, node: Any) -> Any:
    entries = _numbered(node, "entry")
    if entries is None:
        return node
    found: dict[str, Any] = {}
    for each in entries:
        if not isinstance(each, dict) or set(each) != {"key", "value"} or each["key"] in found:
            raise _refused(
                "an entry of a map is not one key with one value, or its key is repeated"
            )
        found[each["key"]] = untangled(shape.value, each["value"])
    return found


def _numbered(node: Any, step: str) -> list[Any] | None:
    """Return the values of ``step.1``, ``step.2``, ... in order; gaps are closed."""
    if not isinstance(node, dict) or set(node) != {step} or not isinstance(node[step], dict):
        return None
    numbers: dict[int, Any] = {}
    for text, each in node[step].items():
        if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
            raise _refused(f"{shown(text)} is not the number of a list member")
        if int(text) in numbers:
            raise _refused(f"number {int(text)} of a list is given twice")
        numbers[int(text)] = each
    return [numbers[number] for number in sorted(numbers)]


def _refused(why: str) -> RequestError:
    return malformed(why, "MalformedInput")
