"""Reads the members of one contributor rule: groups, keys, filters and ``Extensions``.

Law: a member with a fault reads as empty and reading goes on, so that every fault is found. A
warning is what CloudWatch would refuse and this reader accepts; it has the form of a fault whose
``expected`` is what CloudWatch accepts.

``Extensions`` is what a rule may hold beyond CloudWatch. Its ``Keys`` and ``Filters`` are added to
those of the contribution. ``AnyOf`` holds groups of filters; all filters of one group must pass.
``Ratio`` and ``Percentiles`` replace the value of a contributor; a rule has at most one of them.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from detector.core.errors import Fault
from detector.logs.field_paths import FieldPath, parse_path
from detector.logs.log_groups import A_LOG_GROUP_ARN, LogGroupArn, parse_arn
from detector.rules.json_lines import JsonPath, SourceLines, counted, shown
from detector.rules.limits import (
    DEFAULT_SKETCHED,
    LARGEST_MINIMUM,
    MAX_FILTERS,
    MAX_GROUPS,
    MAX_IN_GROUP,
    MAX_KEYS,
    MAX_PERCENTILES,
    MAX_POSITION,
    MAX_SKETCHED,
    STRICT,
    RuleLimits,
)
from detector.rules.operands import OperandFault, finite, read_operand
from detector.rules.rules import (
    CLOUDWATCH_OPERATORS,
    Aggregate,
    AnyOf,
    ContributorRule,
    Filter,
    LogFormat,
    Operand,
    Operator,
    Percentiles,
    Ratio,
)

_Names = tuple[str, ...]
_A_FIELD = "a field such as $.a, $.a.b, $.list[0] or $.users[1].name"
_SCHEMA = {"Name": "CloudWatchLogRule", "Version": 1}
_MEMBERS = (
    "Schema", "LogGroupNames", "LogGroupARNs", "LogFormat", "Fields", "Contribution", "AggregateOn",
    "Extensions",
)  # fmt: skip
_REQUIRED = ("Schema", "LogFormat", "Contribution", "AggregateOn")
_CONTRIBUTION_MEMBERS = ("Keys", "ValueOf", "Filters")
_EXTENSIONS_MEMBERS = ("Keys", "Filters", "AnyOf", "Ratio", "Percentiles")
_PERCENTILES_MEMBERS = ("Of", "At", "MinimumSamples", "MostContributors")
_PLAIN = tuple(operator.value for operator in CLOUDWATCH_OPERATORS)
_ALL = tuple(operator.value for operator in Operator)


class _Extensions(NamedTuple):
    keys: tuple[FieldPath, ...] = ()
    filters: tuple[Filter, ...] = ()
    any_of: AnyOf = ()
    measure: Ratio | Percentiles | None = None


class RuleReader:
    """Reads one definition; ``lines`` are those of its text.

    ``faults`` holds what is wrong, ``warnings`` what CloudWatch would refuse.
    """

    def __init__(self, lines: SourceLines, limits: RuleLimits) -> None:
        self.faults = [lines.fault(path, "the member twice", "it once") for path in lines.repeated]
        self.warnings: list[Fault] = []
        self._limits = limits
        self._lines = lines
        self._aliases: dict[str, int] | None = None  # positions by alias; None for a JSON rule

    def rule(self, name: str, definition: Any) -> ContributorRule:
        """Read what ``json.loads`` returned, still without a version. Not valid with ``faults``."""
        root = self._object(definition, (), _MEMBERS, _REQUIRED)
        if "Schema" in root and not _is_schema(root["Schema"]):
            self._fault(("Schema",), shown(root["Schema"]), json.dumps(_SCHEMA))
        names, arns = self._log_groups(root)
        log_format = self._log_format(root)
        aggregate = self._aggregate(root)
        keys, value_of, filters = self._contribution(root, aggregate)
        extensions = _Extensions()
        if "Extensions" in root:
            extensions = self._extensions(root["Extensions"], aggregate, len(keys), len(filters))
        return ContributorRule(
            name=name,
            version="",
            log_group_names=names,
            keys=keys + extensions.keys,
            filters=filters + extensions.filters,
            aggregate_on=aggregate or Aggregate.COUNT,
            value_of=value_of,
            log_group_arns=arns,
            log_format=log_format,
            fields=tuple((self._aliases or {}).items()),
            any_of=extensions.any_of,
            measure=extensions.measure,
        )

    def _log_groups(
        self, root: Mapping[str, Any]
    ) -> tuple[tuple[str, ...], tuple[LogGroupArn, ...]]:
        if "LogGroupNames" in root and "LogGroupARNs" in root:
            self._fault(("LogGroupARNs",), "LogGroupNames as well", "one of the two")
        elif root and not root.keys() & {"LogGroupNames", "LogGroupARNs"}:
            self._fault(("LogGroupNames",), "nothing", "this member, or LogGroupARNs")
        names, arns = [], []
        for position, name in self._items(root, "LogGroupNames", "log group name"):
            if not isinstance(name, str) or not name or "*" in name[:-1]:
                expected = "a log group name, with * at its end or not at all"
                self._fault(("LogGroupNames", position), shown(name), expected)
            names.append(str(name))
        for position, text in self._items(root, "LogGroupARNs", "log group ARN"):
            arn = parse_arn(text) if isinstance(text, str) else None
            if arn is None:
                self._fault(("LogGroupARNs", position), shown(text), A_LOG_GROUP_ARN)
            else:
                arns.append(arn)
        return tuple(names), tuple(arns)

    def _items(self, root: Mapping[str, Any], member: str, noun: str) -> list[tuple[int, Any]]:
        value = root.get(member, ())
        if member in root and (not isinstance(value, list) or not value):
            self._fault((member,), shown(value), f"a list of at least one {noun}")
            return []
        return list(enumerate(value))

    def _log_format(self, root: Mapping[str, Any]) -> LogFormat:
        found = root.get("LogFormat")
        if "LogFormat" in root and found not in ("JSON", "CLF"):
            self._fault(("LogFormat",), shown(found), '"JSON" or "CLF"')
        if found == "CLF":
            self._aliases = self._clf_fields(root.get("Fields", {}))
            return LogFormat.CLF
        if "Fields" in root and found == "JSON":
            expected = "no Fields, which belong to LogFormat CLF"
            self._fault(("Fields",), shown(root["Fields"]), expected)
        return LogFormat.JSON

    def _clf_fields(self, value: Any) -> dict[str, int]:
        if not isinstance(value, dict):
            self._fault(("Fields",), shown(value), "an object of aliases by position")
            return {}
        aliases: dict[str, int] = {}
        for position, alias in value.items():
            path: JsonPath = ("Fields", position)
            if not _position(position):
                expected = f"a position from 1 to {MAX_POSITION}"
                self._fault(path, f"position {shown(position)}", expected)
            if not isinstance(alias, str) or not alias or alias in aliases:
                self._fault(path, shown(alias), "an alias of its own, which is text")
            else:
                aliases[alias] = _position(position)
        return aliases

    def _aggregate(self, root: Mapping[str, Any]) -> Aggregate | None:
        value = root.get("AggregateOn")
        if isinstance(value, str) and value in set(Aggregate):
            return Aggregate(value)
        if "AggregateOn" in root:
            self._fault(("AggregateOn",), shown(value), '"Count" or "Sum"')
        return None

    def _contribution(
        self, root: Mapping[str, Any], aggregate: Aggregate | None
    ) -> tuple[tuple[FieldPath, ...], FieldPath | None, tuple[Filter, ...]]:
        if "Contribution" not in root:
            return (), None, ()
        path: JsonPath = ("Contribution",)
        members = self._object(root["Contribution"], path, _CONTRIBUTION_MEMBERS, ("Keys",))
        keys: tuple[FieldPath, ...] = ()
        if "Keys" in members:
            keys = self._keys(members["Keys"], min(self._limits.keys, MAX_KEYS))
        place = (*path, "Filters")
        filters = self._filters(members.get("Filters", []), place, self._limits.filters, _PLAIN)
        if len(filters) > STRICT.filters:
            expected = f"a list of at most {STRICT.filters} filters"
            self._warn(place, f"{len(filters)} filters", expected)
        value_of = None
        place = (*path, "ValueOf")
        if "ValueOf" in members:
            value_of = self._field(members["ValueOf"], place)
            if aggregate is Aggregate.COUNT:
                expected = "no ValueOf, since AggregateOn is Count"
                self._fault(place, shown(members["ValueOf"]), expected)
        elif aggregate is Aggregate.SUM and members:
            self._fault(place, "nothing", f"{self._a_field()}, since AggregateOn is Sum")
        return keys, value_of, filters

    def _keys(self, value: Any, most: int) -> tuple[FieldPath, ...]:
        path: JsonPath = ("Contribution", "Keys")
        keys = self._list(value, path, "keys", 1, most, f"a list of 1 to {most} fields")
        if len(keys) > STRICT.keys:
            self._warn(path, f"{len(keys)} keys", f"a list of 1 to {STRICT.keys} fields")
        return self._fields(keys, path)

    def _filters(
        self, value: Any, path: JsonPath, most: int, operators: _Names = _ALL
    ) -> tuple[Filter, ...]:
        items = self._list(value, path, "filters", 0, most, f"a list of at most {most} filters")
        read = [self._filter(item, (*path, place), operators) for place, item in enumerate(items)]
        return tuple(found for found in read if found is not None)

    def _filter(self, value: Any, path: JsonPath, operators: _Names) -> Filter | None:
        members = self._object(value, path, ("Match", *operators), required=("Match",))
        match = self._field(members["Match"], (*path, "Match")) if "Match" in members else None
        named = [name for name in members if name in operators]
        if isinstance(value, dict) and len(named) != 1:
            found = ", ".join(named) or "no operator"
            self._fault(path, found, f"exactly one of {', '.join(operators)}")
        read = [self._operand(name, members[name], (*path, name), operators) for name in named]
        if match is None or len(read) != 1 or read[0] is None:
            return None
        return Filter(match, *read[0])

    def _operand(
        self, name: str, value: Any, path: JsonPath, operators: _Names
    ) -> tuple[Operator, Operand] | None:
        strings = self._limits.strings
        read = read_operand(Operator(name), value, strings, takes_text=operators is _ALL)
        if isinstance(read, OperandFault):
            self._fault(path, read.found, read.expected)
            return None
        if isinstance(read[1], tuple) and len(read[1]) > STRICT.strings:
            expected = f"a list of 1 to {STRICT.strings} strings"
            self._warn(path, f"{len(read[1])} strings", expected)
        return read

    def _extensions(
        self, value: Any, aggregate: Aggregate | None, keys: int, filters: int
    ) -> _Extensions:
        """Read the member; the contribution holds so many ``keys`` and ``filters`` already."""
        path: JsonPath = ("Extensions",)
        members = self._object(value, path, _EXTENSIONS_MEMBERS)
        for name in members:
            if name in _EXTENSIONS_MEMBERS:
                self._warn((*path, name), "an extension of ours", "no member Extensions")
        if "Ratio" in members and "Percentiles" in members:
            self._fault((*path, "Percentiles"), "Ratio as well", "one of the two")
        measure: Ratio | Percentiles | None = None
        if "Ratio" in members:
            measure = self._ratio(members["Ratio"])
        elif "Percentiles" in members:
            measure = self._percentiles(members["Percentiles"], aggregate)
        place = (*path, "Filters")
        return _Extensions(
            self._more_keys(members["Keys"], MAX_KEYS - keys) if "Keys" in members else (),
            self._filters(members.get("Filters", []), place, MAX_FILTERS - filters),
            self._groups(members["AnyOf"]) if "AnyOf" in members else (),
            measure,
        )

    def _more_keys(self, value: Any, most: int) -> tuple[FieldPath, ...]:
        path: JsonPath = ("Extensions", "Keys")
        expected = f"a list of at most {most} more fields"
        return self._fields(self._list(value, path, "keys", 0, most, expected), path)

    def _groups(self, value: Any) -> AnyOf:
        path: JsonPath = ("Extensions", "AnyOf")
        expected = f"a list of 1 to {MAX_GROUPS} groups of filters"
        items = self._list(value, path, "groups", 1, MAX_GROUPS, expected)
        groups = []
        for position, group in enumerate(items):
            place = (*path, position)
            if group == []:
                self._fault(place, "no filters", f"a list of 1 to {MAX_IN_GROUP} filters")
            groups.append(self._filters(group, place, MAX_IN_GROUP))
        return tuple(groups)

    def _ratio(self, value: Any) -> Ratio | None:
        path: JsonPath = ("Extensions", "Ratio")
        members = self._object(value, path, ("Numerator", "MinimumDenominator"), ("Numerator",))
        minimum: float | None = 1.0
        if "MinimumDenominator" in members:
            place = (*path, "MinimumDenominator")
            minimum = self._number(members["MinimumDenominator"], place, 1e-9, LARGEST_MINIMUM)
        if "Numerator" not in members:
            return None
        place = (*path, "Numerator")
        numerator = self._object(members["Numerator"], place, ("Filters", "ValueOf"))
        if members["Numerator"] == {}:
            self._fault(place, "{}", "Filters, ValueOf or both")
        filters = self._filters(numerator.get("Filters", []), (*place, "Filters"), MAX_IN_GROUP)
        value_of = None
        if "ValueOf" in numerator:
            value_of = self._field(numerator["ValueOf"], (*place, "ValueOf"))
        return None if minimum is None else Ratio(filters, value_of, minimum)

    def _percentiles(self, value: Any, aggregate: Aggregate | None) -> Percentiles | None:
        path: JsonPath = ("Extensions", "Percentiles")
        members = self._object(value, path, _PERCENTILES_MEMBERS, ("Of", "At"))
        if aggregate is Aggregate.SUM:
            expected = "no Percentiles, since AggregateOn is Sum: Of names the field"
            self._fault(path, shown(value), expected)
        of = self._field(members["Of"], (*path, "Of")) if "Of" in members else None
        at = self._ranks(members["At"]) if "At" in members else ()
        samples, place = members.get("MinimumSamples", 1), (*path, "MinimumSamples")
        minimum = self._number(samples, place, 1, LARGEST_MINIMUM)
        kept, place = members.get("MostContributors", DEFAULT_SKETCHED), (*path, "MostContributors")
        most = self._number(kept, place, 1, MAX_SKETCHED, whole=True)
        if of is None or not at or minimum is None or most is None:
            return None
        return Percentiles(of, at, minimum, int(most))

    def _ranks(self, value: Any) -> tuple[float, ...]:
        path: JsonPath = ("Extensions", "Percentiles", "At")
        expected = f"a list of 1 to {MAX_PERCENTILES} percentiles, the one that ranks first"
        ranks = self._list(value, path, "percentiles", 1, MAX_PERCENTILES, expected)
        read = [self._number(rank, (*path, place), 0, 100) for place, rank in enumerate(ranks)]
        return tuple(rank for rank in read if rank is not None)

    def _object(
        self, value: Any, path: JsonPath, allowed: _Names, required: _Names = ()
    ) -> Mapping[str, Any]:
        """Check that ``value`` is an object with these members; anything else reads as empty."""
        if not isinstance(value, dict):
            self._fault(path, shown(value), f"an object with {', '.join(required or allowed)}")
            return {}
        for name in value:
            if name not in allowed:
                self._fault((*path, name), "an unknown member", f"only {', '.join(allowed)}")
        for name in required:
            if name not in value:
                self._fault((*path, name), "nothing", "this member")
        return value

    def _list(
        self, value: Any, path: JsonPath, noun: str, least: int, most: int, expected: str
    ) -> list[Any]:
        """Check that ``value`` is a list of so many items; anything else reads as empty."""
        if isinstance(value, list) and least <= len(value) <= most:
            return value
        self._fault(path, counted(value, noun), expected)
        return []

    def _fields(self, values: list[Any], path: JsonPath) -> tuple[FieldPath, ...]:
        read = [self._field(value, (*path, position)) for position, value in enumerate(values)]
        return tuple(found for found in read if found is not None)

    def _field(self, value: Any, path: JsonPath) -> FieldPath | None:
        """Read the name of a field: a path of a JSON rule, an alias or position of a CLF rule."""
        found = None
        if isinstance(value, str):
            found = parse_path(value) if self._aliases is None else self._alias(value)
        if found is None:
            self._fault(path, shown(value), self._a_field())
        return found

    def _alias(self, value: str) -> FieldPath | None:
        """Read an alias; a position that is no alias becomes one that names itself."""
        aliases = self._aliases
        if aliases is not None and value not in aliases and _position(value):
            aliases[value] = _position(value)
        return (value,) if aliases is not None and value in aliases else None

    def _a_field(self) -> str:
        if self._aliases is None:
            return _A_FIELD
        known = f" ({', '.join(self._aliases)})" if self._aliases else ""
        return f"an alias of Fields{known} or a position from 1 to {MAX_POSITION}"

    def _number(
        self, value: Any, path: JsonPath, low: float, high: float, *, whole: bool = False
    ) -> float | None:
        """Read a number from ``low`` to ``high``, both included."""
        found = finite(value)
        if found is None or not low <= found <= high or (whole and not found.is_integer()):
            kind = "whole number" if whole else "number"
            self._fault(path, shown(value), f"a {kind} from {low:,.15g} to {high:,.15g}")
            return None
        return found

    def _fault(self, path: JsonPath, found: str, expected: str) -> None:
        self.faults.append(self._lines.fault(path, found, expected))

    def _warn(self, path: JsonPath, found: str, expected: str) -> None:
        self.warnings.append(self._lines.fault(path, found, expected))


def _is_schema(value: Any) -> bool:
    return bool(value == _SCHEMA) and type(value["Version"]) is int


def _position(text: str) -> int:
    """Read the position of a CLF field, 0 when it is none."""
    plain = text.isascii() and text.isdigit() and not text.startswith("0")
    position = int(text) if plain and len(text) <= len(str(MAX_POSITION)) else 0
    return position if position <= MAX_POSITION else 0
