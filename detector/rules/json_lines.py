"""Where the members of a JSON text stand, so that a fault can be shown with its line.

Known limit: only for text that ``json.loads`` has accepted and that does not nest deeply.
"""

import json
import re
from typing import NamedTuple

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)

JsonPath = tuple[str | int, ...]
"""``("Filters", 0, "Match")``; the empty path is the whole text."""


class SourceLines(NamedTuple):
    """Line (from 1) of every member and list item by path, and the paths written twice."""

    line_by_path: dict[JsonPath, int]
    repeated: list[JsonPath]


def source_lines(text: str) -> SourceLines:
    """Find every member of a valid JSON text; a repeated one has the line of its last writing."""
    walk = _Walk(text)
    walk.value(())
    return walk.places


class _Walk:
    def __init__(self, text: str) -> None:
        self.places = SourceLines({}, [])
        self._tokens: list[tuple[str, int]] = []
        self._next = 0
        line, position = 1, 0
        for found in _TOKEN.finditer(text):
            line += text.count("\n", position, found.start())
            position = found.start()
            self._tokens.append((found[0], line))

    def value(self, path: JsonPath) -> None:
        begin, line = self._take()
        self.places.line_by_path.setdefault(path, line)
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
            if inner in self.places.line_by_path:
                self.places.repeated.append(inner)
            self.places.line_by_path[inner] = line
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
