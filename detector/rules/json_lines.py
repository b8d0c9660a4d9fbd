"""Lines of the members of a JSON text, and how a fault names a member and shows a value.

Known limit: the text must be one that ``json.loads`` has accepted and that does not nest deeply.
"""

import json
import re
from typing import Any, NamedTuple

from detector.core.errors import Fault

_SHOWN_CHARACTERS = 60
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)

JsonPath = tuple[str | int, ...]
"""``("Filters", 0, "Match")``; the empty path is the whole text."""


class SourceLines(NamedTuple):
    """Line (from 1) of every member and list item by path, and the paths written twice."""

    line_by_path: dict[JsonPath, int]
    repeated: list[JsonPath]

    def fault(self, path: JsonPath, found: str, expected: str) -> Fault:
        """Return a fault with the line of the member, or of the nearest one around it."""
        place = path
        while place not in self.line_by_path:
            place = place[:-1]
        return Fault(self.line_by_path[place], _member_text(path), found, expected)


def source_lines(text: str) -> SourceLines:
    """Find every member of a valid JSON text; a repeated one has the line of its last writing."""
    walk = _Walk(text)
    walk.value(())
    return walk.lines


class _Walk:
    def __init__(self, text: str) -> None:
        self.lines = SourceLines({}, [])
        self._tokens: list[tuple[str, int]] = []
        self._next = 0
        line, position = 1, 0
        for found in _TOKEN.finditer(text):
            line += text.count("\n", position, found.start())
            position = found.start()
            self._tokens.append((found[0], line))

    def value(self, path: JsonPath) -> None:
        begin, line = self._take()
        self.lines.line_by_path.setdefault(path, line)
        if begin == "{":
            self._members(path)
        elif begin == "[":
            self._items(path)

    def _members(self, path: JsonPath) -> None:
        while (member := self._take())[0] != "}":
            name, line = member
            if name == ",":
                continue
            inner = (*path, json.loads(name))
            if inner in self.lines.line_by_path:
                self.lines.repeated.append(inner)
            self.lines.line_by_path[inner] = line
            self._take()
            self.value(inner)

    def _items(self, path: JsonPath) -> None:
        position = 0
        while self._tokens[self._next][0] != "]":
            if self._tokens[self._next][0] == ",":
                self._take()
            self.value((*path, position))
            position += 1
        self._take()

    def _take(self) -> tuple[str, int]:
        token = self._tokens[self._next]
        self._next += 1
        return token


def _member_text(path: JsonPath) -> str:
    """Write the path of a member: ``Contribution.Filters[0].Match``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".") or "definition"


def shown(value: Any) -> str:
    """Write a value as JSON, cut where it is long."""
    text = json.dumps(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."


def counted(value: Any, noun: str) -> str:
    """Say how many items a list has; show anything else."""
    return f"{len(value)} {noun}" if isinstance(value, list) else shown(value)
