"""The members of one contributor rule, read and checked one by one.

Law: what has a fault reads as something empty, and reading goes on, so that every fault is found.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeGuard

from detector.domain.errors import Fault
from detector.domain.field_paths import parse_path
from detector.domain.json_lines import JsonPath, Places
from detector.domain.rules import Aggregate, FieldPath, Filter, Operator

MAX_KEYS = 4
_SHOWN_CHARACTERS = 60
_SCHEMA = {"Name": "CloudWatchLogRule", "Version": 1}
_MEMBERS = ("Schema", "LogGroupNames", "LogFormat", "Contribution", "AggregateOn")
_CONTRIBUTION_MEMBERS = ("Keys", "ValueOf", "Filters")
_OPERATORS = tuple(operator.value for operator in Operator)
_TEXT_OPERATORS = frozenset({Operator.IN, Operator.NOT_IN, Operator.STARTS_WITH})
_A_FIELD = "a field such as $.a, $.a.b, $.list[0] or $.users[1].name"
_REFUSED_MEMBERS = {
    "LogGroupARNs": "LogGroupNames, since a topic has no ARN",
    "Fields": "no Fields, which belong to LogFormat CLF: only JSON is read",
}


@dataclass(frozen=True, slots=True)
class RuleLimits:
    """How much a rule may hold: filters, strings in one filter, characters of its definition."""

    filters: int
    strings: int
    characters: int


class Members(NamedTuple):
    """What a rule says, apart from its name. Without meaning when the reading has faults."""

    log_group_names: tuple[str, ...]
    keys: tuple[FieldPath, ...]
    filters: tuple[Filter, ...]
    aggregate_on: Aggregate
    value_of: FieldPath | None


class RuleReading:
    """One pass over a definition, which ``json.loads`` has read; ``faults`` holds what is wrong."""

    def __init__(self, places: Places, limits: RuleLimits) -> None:
        self.faults = [
            Fault(places.line_by_path[path], _member_text(path), "the member twice", "it once")
            for path in places.repeated
        ]
        self._line_by_path = places.line_by_path
        self._limits = limits

    def read(self, definition: Any) -> Members:
        """Read the whole definition."""
        root = self._object(definition, (), _MEMBERS, required=_MEMBERS)
        if "Schema" in root and not _is_schema(root["Schema"]):
            self._fault(("Schema",), shown(root["Schema"]), json.dumps(_SCHEMA))
        if "LogFormat" in root and root["LogFormat"] != "JSON":
            self._fault(("LogFormat",), shown(root["LogFormat"]), '"JSON", the only format read')
        groups = self._log_groups(root["LogGroupNames"]) if "LogGroupNames" in root else ()
        aggregate = self._aggregate(root.get("AggregateOn"))
        keys, value_of, filters = self._contribution(root, aggregate)
        return Members(groups, keys, filters, aggregate or Aggregate.COUNT, value_of)

    def _contribution(
        self, root: Mapping[str, Any], aggregate: Aggregate | None
    ) -> tuple[tuple[FieldPath, ...], FieldPath | None, tuple[Filter, ...]]:
        if "Contribution" not in root:
            return (), None, ()
        path: JsonPath = ("Contribution",)
        contribution = self._object(
            root["Contribution"], path, _CONTRIBUTION_MEMBERS, required=("Keys",)
        )
        keys = self._keys(contribution["Keys"]) if "Keys" in contribution else ()
        filters = self._filters(contribution.get("Filters", []))
        value_of = None
        if "ValueOf" in contribution:
            value_of = self._field(contribution["ValueOf"], (*path, "ValueOf"))
            if aggregate is Aggregate.COUNT:
                found = shown(contribution["ValueOf"])
                self._fault((*path, "ValueOf"), found, "no ValueOf, since AggregateOn is Count")
        elif aggregate is Aggregate.SUM and contribution:
            self._fault((*path, "ValueOf"), "nothing", f"{_A_FIELD}, since AggregateOn is Sum")
        return keys, value_of, filters

    def _object(
        self, value: Any, path: JsonPath, allowed: tuple[str, ...], *, required: tuple[str, ...]
    ) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            self._fault(path, shown(value), f"an object with {_listed(required)}")
            return {}
        for name in value:
            if name not in allowed:
                expected = _REFUSED_MEMBERS.get(name, f"only {_listed(allowed)}")
                self._fault((*path, name), "an unknown member", expected)
        for name in required:
            if name not in value:
                self._fault((*path, name), "nothing", "this member")
        return value

    def _log_groups(self, value: Any) -> tuple[str, ...]:
        path: JsonPath = ("LogGroupNames",)
        if not _is_list(value) or not value:
            self._fault(path, shown(value), "a list of at least one log group name")
            return ()
        for position, group in enumerate(value):
            if not isinstance(group, str) or not group or "*" in group[:-1]:
                expected = "a log group name, with * at its end or not at all"
                self._fault((*path, position), shown(group), expected)
        return tuple(str(group) for group in value)

    def _aggregate(self, value: Any) -> Aggregate | None:
        if isinstance(value, str) and value in set(Aggregate):
            return Aggregate(value)
        if ("AggregateOn",) in self._line_by_path:
            self._fault(("AggregateOn",), shown(value), '"Count" or "Sum"')
        return None

    def _keys(self, value: Any) -> tuple[FieldPath, ...]:
        path: JsonPath = ("Contribution", "Keys")
        if not _is_list(value) or not 1 <= len(value) <= MAX_KEYS:
            self._fault(path, _counted(value, "keys"), f"a list of 1 to {MAX_KEYS} fields")
            return ()
        read = [self._field(key, (*path, position)) for position, key in enumerate(value)]
        return tuple(field for field in read if field is not None)

    def _field(self, value: Any, path: JsonPath) -> FieldPath | None:
        field = parse_path(value) if isinstance(value, str) else None
        if field is None:
            self._fault(path, shown(value), _A_FIELD)
        return field

    def _filters(self, value: Any) -> tuple[Filter, ...]:
        path: JsonPath = ("Contribution", "Filters")
        if not _is_list(value) or len(value) > self._limits.filters:
            expected = f"a list of at most {self._limits.filters} filters"
            self._fault(path, _counted(value, "filters"), expected)
            return ()
        read = [self._filter(item, (*path, position)) for position, item in enumerate(value)]
        return tuple(wanted for wanted in read if wanted is not None)

    def _filter(self, value: Any, path: JsonPath) -> Filter | None:
        members = self._object(value, path, ("Match", *_OPERATORS), required=("Match",))
        match = self._field(members["Match"], (*path, "Match")) if "Match" in members else None
        named = [name for name in members if name in _OPERATORS]
        if isinstance(value, dict) and len(named) != 1:
            found = _listed(tuple(named)) if named else "no operator"
            self._fault(path, found, f"exactly one of {_listed(_OPERATORS)}")
        operands = [self._operand(Operator(name), members[name], (*path, name)) for name in named]
        if match is None or len(operands) != 1 or operands[0] is None:
            return None
        return Filter(match, Operator(named[0]), operands[0])

    def _operand(
        self, operator: Operator, value: Any, path: JsonPath
    ) -> tuple[str, ...] | float | bool | None:
        if operator is Operator.IS_PRESENT:
            if isinstance(value, bool):
                return value
            self._fault(path, shown(value), "true or false")
        elif operator in _TEXT_OPERATORS:
            if (
                _is_list(value)
                and 1 <= len(value) <= self._limits.strings
                and all(isinstance(item, str) for item in value)
            ):
                return tuple(value)
            found = shown(value)
            if _is_list(value) and all(isinstance(item, str) for item in value):
                found = _counted(value, "strings")
            self._fault(path, found, f"a list of 1 to {self._limits.strings} strings")
        else:
            number = _finite(value)
            if number is not None:
                return number
            self._fault(path, shown(value), "one number")
        return None

    def _fault(self, path: JsonPath, found: str, expected: str) -> None:
        place = path
        while place not in self._line_by_path:
            place = place[:-1]
        self.faults.append(Fault(self._line_by_path[place], _member_text(path), found, expected))


def shown(value: Any) -> str:
    """Write a value as JSON, cut where it is long."""
    text = json.dumps(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."


def _counted(value: Any, noun: str) -> str:
    return f"{len(value)} {noun}" if isinstance(value, list) else shown(value)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _is_schema(value: Any) -> bool:
    return bool(value == _SCHEMA) and type(value["Version"]) is int


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _member_text(path: JsonPath) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".") or "definition"
