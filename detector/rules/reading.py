"""What every part of a contributor rule's reading shares: limits, faults, warnings, fields.

Law: what has a fault reads as something empty, and reading goes on, so that every fault is found.
A warning is what CloudWatch would refuse and is read here all the same; it has the form of a fault
that says what CloudWatch expects.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from detector.core.errors import Fault
from detector.logs.field_paths import FieldPath, parse_path
from detector.rules.json_lines import JsonPath, SourceLines

A_FIELD = "a field such as $.a, $.a.b, $.list[0] or $.users[1].name"
MOST_POSITION = 256
"""Fields of a CLF line that can be named."""

_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class RuleLimits:
    """How much a rule may hold: keys, filters, strings in one filter, characters.

    ``lenient`` also reads commas behind the last item of a list or an object.
    """

    keys: int
    filters: int
    strings: int
    characters: int
    lenient: bool = False


STRICT = RuleLimits(keys=4, filters=4, strings=10, characters=8_192)
"""CloudWatch's limits: a rule within them can be used on both sides."""

LENIENT = RuleLimits(keys=8, filters=16, strings=100, characters=65_536, lenient=True)
"""Ours, for rules that CloudWatch would refuse."""


class Reading:
    """One pass over a definition, which ``json.loads`` has read.

    ``faults`` holds what is wrong, ``warnings`` what CloudWatch would refuse.
    """

    def __init__(self, places: SourceLines, limits: RuleLimits) -> None:
        self.faults = [
            Fault(places.line_by_path[path], member_text(path), "the member twice", "it once")
            for path in places.repeated
        ]
        self.warnings: list[Fault] = []
        self.limits = limits
        self._line_by_path = places.line_by_path
        self._aliases: dict[str, int] | None = None

    @property
    def fields(self) -> tuple[tuple[str, int], ...]:
        """Aliases and positions of a CLF rule, those among them that stand for themselves."""
        return tuple((self._aliases or {}).items())

    def name_fields(self, aliases: dict[str, int]) -> None:
        """Read the fields of this rule as CLF, under these aliases, from now on."""
        self._aliases = aliases

    def fault(self, path: JsonPath, found: str, expected: str) -> None:
        """Note what is wrong, with the line of the member or of the nearest one around it."""
        self.faults.append(self._told(path, found, expected))

    def warn(self, path: JsonPath, found: str, expected: str) -> None:
        """Note what CloudWatch would refuse."""
        self.warnings.append(self._told(path, found, expected))

    def _told(self, path: JsonPath, found: str, expected: str) -> Fault:
        place = path
        while place not in self._line_by_path:
            place = place[:-1]
        return Fault(self._line_by_path[place], member_text(path), found, expected)

    def object_at(
        self,
        value: Any,
        path: JsonPath,
        allowed: tuple[str, ...],
        *,
        required: tuple[str, ...] = (),
    ) -> Mapping[str, Any]:
        """Check that ``value`` is an object with these members; anything else reads as empty."""
        if not isinstance(value, dict):
            self.fault(path, shown(value), f"an object with {listed(required or allowed)}")
            return {}
        for name in value:
            if name not in allowed:
                self.fault((*path, name), "an unknown member", f"only {listed(allowed)}")
        for name in required:
            if name not in value:
                self.fault((*path, name), "nothing", "this member")
        return value

    @property
    def a_field(self) -> str:
        """Say how a field of this rule is named."""
        if self._aliases is None:
            return A_FIELD
        known = f" ({listed(tuple(self._aliases))})" if self._aliases else ""
        return f"an alias of Fields{known} or a position from 1 to {MOST_POSITION}"

    def field(self, value: Any, path: JsonPath) -> FieldPath | None:
        """Read the name of a field: a path of a JSON rule, an alias or position of a CLF rule."""
        if self._aliases is not None:
            return self._alias(value, path, self._aliases)
        found = parse_path(value) if isinstance(value, str) else None
        if found is None:
            self.fault(path, shown(value), A_FIELD)
        return found

    def _alias(self, value: Any, path: JsonPath, aliases: dict[str, int]) -> FieldPath | None:
        if isinstance(value, str) and value not in aliases and position_of(value):
            aliases[value] = position_of(value)
        if not isinstance(value, str) or value not in aliases:
            self.fault(path, shown(value), self.a_field)
            return None
        return (value,)

    def number(
        self, value: Any, path: JsonPath, low: float, high: float, *, whole: bool = False
    ) -> float | None:
        """Read a number within bounds, which belong to them."""
        found = finite(value)
        if found is None or not low <= found <= high or (whole and not found.is_integer()):
            kind = "whole number" if whole else "number"
            self.fault(path, shown(value), f"a {kind} from {low:,.15g} to {high:,.15g}")
            return None
        return found


def shown(value: Any) -> str:
    """Write a value as JSON, cut where it is long."""
    text = json.dumps(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."


def counted(value: Any, noun: str) -> str:
    """Say how many items a list has; show anything else."""
    return f"{len(value)} {noun}" if isinstance(value, list) else shown(value)


def listed(names: tuple[str, ...]) -> str:
    """Write names one after the other."""
    return ", ".join(names)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Say whether a value is a list."""
    return isinstance(value, list)


def finite(value: Any) -> float | None:
    """Read a number that a double can hold; a truth value is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def position_of(text: str) -> int:
    """Read the position of a CLF field, 0 when it is none."""
    plain = text.isascii() and text.isdigit() and not text.startswith("0")
    position = int(text) if plain and len(text) <= len(str(MOST_POSITION)) else 0
    return position if position <= MOST_POSITION else 0


def member_text(path: JsonPath) -> str:
    """Write where a member stands: ``Contribution.Filters[0].Match``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".") or "definition"
