"""The members of one contributor rule that CloudWatch knows, read and checked one by one."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from detector.logs.field_paths import FieldPath
from detector.logs.log_groups import A_LOG_GROUP_ARN, LogGroupArn, parse_arn
from detector.rules.extensions import MOST_KEYS, Extensions, read_extensions
from detector.rules.filters import read_filters
from detector.rules.json_lines import JsonPath
from detector.rules.reading import (
    MOST_POSITION,
    STRICT,
    Reading,
    counted,
    is_list,
    position_of,
    shown,
)
from detector.rules.rules import Aggregate, AnyOf, Filter, LogFormat, Percentiles, Ratio

_SCHEMA = {"Name": "CloudWatchLogRule", "Version": 1}
_MEMBERS = (
    "Schema", "LogGroupNames", "LogGroupARNs", "LogFormat", "Fields", "Contribution", "AggregateOn",
    "Extensions",
)  # fmt: skip
_REQUIRED = ("Schema", "LogFormat", "Contribution", "AggregateOn")
_CONTRIBUTION_MEMBERS = ("Keys", "ValueOf", "Filters")


class Members(NamedTuple):
    """What a rule says, apart from its name. Without meaning when the reading has faults."""

    log_group_names: tuple[str, ...]
    keys: tuple[FieldPath, ...]
    filters: tuple[Filter, ...]
    aggregate_on: Aggregate
    value_of: FieldPath | None
    log_group_arns: tuple[LogGroupArn, ...]
    log_format: LogFormat
    fields: tuple[tuple[str, int], ...]
    any_of: AnyOf
    measure: Ratio | Percentiles | None


def read_members(reading: Reading, definition: Any) -> Members:
    """Read the whole definition."""
    root = reading.object_at(definition, (), _MEMBERS, required=_REQUIRED)
    if "Schema" in root and not _is_schema(root["Schema"]):
        reading.fault(("Schema",), shown(root["Schema"]), json.dumps(_SCHEMA))
    names, arns = _read_groups(reading, root)
    log_format = _read_format(reading, root)
    aggregate = _read_aggregate(reading, root)
    keys, value_of, filters = _read_contribution(reading, root, aggregate)
    extensions = Extensions()
    if "Extensions" in root:
        extensions = read_extensions(reading, root["Extensions"], aggregate, keys, filters)
    return Members(
        names,
        keys + extensions.keys,
        filters + extensions.filters,
        aggregate or Aggregate.COUNT,
        value_of,
        arns,
        log_format,
        reading.fields,
        extensions.any_of,
        extensions.measure,
    )


def _read_groups(
    reading: Reading, root: Mapping[str, Any]
) -> tuple[tuple[str, ...], tuple[LogGroupArn, ...]]:
    if "LogGroupNames" in root and "LogGroupARNs" in root:
        reading.fault(("LogGroupARNs",), "LogGroupNames as well", "one of the two")
    elif root and not root.keys() & {"LogGroupNames", "LogGroupARNs"}:
        reading.fault(("LogGroupNames",), "nothing", "this member, or LogGroupARNs")
    names, arns = [], []
    for position, name in _items(reading, root, "LogGroupNames", "log group name"):
        if not isinstance(name, str) or not name or "*" in name[:-1]:
            expected = "a log group name, with * at its end or not at all"
            reading.fault(("LogGroupNames", position), shown(name), expected)
        names.append(str(name))
    for position, text in _items(reading, root, "LogGroupARNs", "log group ARN"):
        arn = parse_arn(text) if isinstance(text, str) else None
        if arn is None:
            reading.fault(("LogGroupARNs", position), shown(text), A_LOG_GROUP_ARN)
        else:
            arns.append(arn)
    return tuple(names), tuple(arns)


def _items(
    reading: Reading, root: Mapping[str, Any], member: str, noun: str
) -> list[tuple[int, Any]]:
    value = root.get(member, ())
    if member in root and (not is_list(value) or not value):
        reading.fault((member,), shown(value), f"a list of at least one {noun}")
        return []
    return list(enumerate(value))


def _read_format(reading: Reading, root: Mapping[str, Any]) -> LogFormat:
    found = root.get("LogFormat")
    if "LogFormat" in root and found not in ("JSON", "CLF"):
        reading.fault(("LogFormat",), shown(found), '"JSON" or "CLF"')
    if found != "CLF":
        if "Fields" in root and found == "JSON":
            expected = "no Fields, which belong to LogFormat CLF"
            reading.fault(("Fields",), shown(root["Fields"]), expected)
        return LogFormat.JSON
    reading.name_fields(_read_fields(reading, root.get("Fields", {})))
    return LogFormat.CLF


def _read_fields(reading: Reading, value: Any) -> dict[str, int]:
    if not isinstance(value, dict):
        reading.fault(("Fields",), shown(value), "an object of aliases by position")
        return {}
    aliases: dict[str, int] = {}
    for position, alias in value.items():
        path: JsonPath = ("Fields", position)
        if not position_of(position):
            expected = f"a position from 1 to {MOST_POSITION}"
            reading.fault(path, f"position {shown(position)}", expected)
        if not isinstance(alias, str) or not alias or alias in aliases:
            expected = "an alias of its own, which is text"
            reading.fault(path, shown(alias), expected)
        else:
            aliases[alias] = position_of(position)
    return aliases


def _read_aggregate(reading: Reading, root: Mapping[str, Any]) -> Aggregate | None:
    value = root.get("AggregateOn")
    if isinstance(value, str) and value in set(Aggregate):
        return Aggregate(value)
    if "AggregateOn" in root:
        reading.fault(("AggregateOn",), shown(value), '"Count" or "Sum"')
    return None


def _read_contribution(
    reading: Reading, root: Mapping[str, Any], aggregate: Aggregate | None
) -> tuple[tuple[FieldPath, ...], FieldPath | None, tuple[Filter, ...]]:
    if "Contribution" not in root:
        return (), None, ()
    path: JsonPath = ("Contribution",)
    contribution = reading.object_at(
        root["Contribution"], path, _CONTRIBUTION_MEMBERS, required=("Keys",)
    )
    keys = _read_keys(reading, contribution["Keys"]) if "Keys" in contribution else ()
    most = reading.limits.filters
    place = (*path, "Filters")
    filters = read_filters(reading, contribution.get("Filters", []), place, most=most)
    if len(filters) > STRICT.filters:
        expected = f"a list of at most {STRICT.filters} filters"
        reading.warn(place, f"{len(filters)} filters", expected)
    value_of = None
    if "ValueOf" in contribution:
        value_of = reading.field(contribution["ValueOf"], (*path, "ValueOf"))
        if aggregate is Aggregate.COUNT:
            found = shown(contribution["ValueOf"])
            reading.fault((*path, "ValueOf"), found, "no ValueOf, since AggregateOn is Count")
    elif aggregate is Aggregate.SUM and contribution:
        reading.fault((*path, "ValueOf"), "nothing", f"{reading.a_field}, since AggregateOn is Sum")
    return keys, value_of, filters


def _read_keys(reading: Reading, value: Any) -> tuple[FieldPath, ...]:
    path: JsonPath = ("Contribution", "Keys")
    most = min(reading.limits.keys, MOST_KEYS)
    if not is_list(value) or not 1 <= len(value) <= most:
        reading.fault(path, counted(value, "keys"), f"a list of 1 to {most} fields")
        return ()
    if len(value) > STRICT.keys:
        reading.warn(path, counted(value, "keys"), f"a list of 1 to {STRICT.keys} fields")
    read = [reading.field(key, (*path, position)) for position, key in enumerate(value)]
    return tuple(found for found in read if found is not None)


def _is_schema(value: Any) -> bool:
    return bool(value == _SCHEMA) and type(value["Version"]) is int
