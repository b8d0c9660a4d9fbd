"""Contributor rules as operators write them: CloudWatch Contributor Insights' JSON, checked.

Law: a rule is understood whole or refused with every fault that it has, each with its line. Nothing
is guessed: unknown members, a second operator in a filter, a number where text belongs are faults.

Source: Amazon CloudWatch User Guide, "Contributor Insights rule syntax", and the limits of the
PutInsightRule API. AWS's own examples break these rules in places (a fifth filter, ``Sum`` without
``ValueOf``); ``LENIENT`` lifts the limits that are mere numbers, never the meaning.
"""

import hashlib
import json
from typing import Any

from detector.domain.errors import Fault, RuleError
from detector.domain.json_lines import places_of
from detector.domain.json_text import nests_deeper
from detector.domain.rule_members import Members, RuleLimits, RuleReading, shown
from detector.domain.rules import ContributorRule, Filter, path_text

_NESTING = 16
_NAME_CHARACTERS = 128
_VERSION_DIGITS = 12

STRICT = RuleLimits(filters=4, strings=10, characters=8_192)
"""CloudWatch's limits: a rule within them can be used on both sides."""

LENIENT = RuleLimits(filters=16, strings=100, characters=65_536)
"""Ours, for rules that CloudWatch would refuse."""


def parse_rule(text: str, *, name: str, limits: RuleLimits = STRICT) -> ContributorRule:
    """Read one rule. Raise ``RuleError`` with all its faults."""
    faults = _check_name(name) + _check_characters(text, limits)
    if len(text) > limits.characters:
        raise RuleError(faults)
    definition, syntax = _read_json(text)
    if syntax:
        raise RuleError(faults + syntax)
    reading = RuleReading(places_of(text), limits)
    members = reading.read(definition)
    faults += reading.faults
    if faults:
        raise RuleError(sorted(faults, key=lambda fault: fault.line))
    return ContributorRule(name=name, version=_version(members), **members._asdict())


def _check_name(name: str) -> list[Fault]:
    if 1 <= len(name) <= _NAME_CHARACTERS and name.isascii() and name.isprintable():
        return []
    expected = f"1 to {_NAME_CHARACTERS} printable ASCII characters"
    return [Fault(0, "rule name", f"{shown(name)} ({len(name)} characters)", expected)]


def _check_characters(text: str, limits: RuleLimits) -> list[Fault]:
    faults = []
    if len(text) > limits.characters:
        expected = f"at most {limits.characters}"
        faults.append(Fault(1, "definition", f"{len(text)} characters", expected))
    for number, line in enumerate(text.split("\n"), start=1):
        odd = next((character for character in line if not character.isascii()), None)
        if odd is not None:
            faults.append(Fault(number, "definition", f"U+{ord(odd):04X}", "ASCII characters only"))
    return faults


def _read_json(text: str) -> tuple[Any, list[Fault]]:
    expected = "a definition in JSON"
    if nests_deeper(text.encode(), _NESTING):
        return None, [Fault(1, "definition", f"more than {_NESTING} levels of nesting", expected)]
    try:
        return json.loads(text), []
    except json.JSONDecodeError as error:
        found = f"a syntax error in column {error.colno} ({error.msg[0].lower()}{error.msg[1:]})"
        return None, [Fault(error.lineno, "definition", found, expected)]
    except ValueError:
        return None, [Fault(1, "definition", "a number of thousands of digits", expected)]


def _version(members: Members) -> str:
    """Hash what the rule means: the order of groups, filters and operands is no part of it."""
    meaning = {
        "groups": sorted(set(members.log_group_names)),
        "keys": [path_text(key) for key in members.keys],
        "filters": sorted(_filter_meaning(wanted) for wanted in members.filters),
        "aggregate": members.aggregate_on,
        "value": path_text(members.value_of) if members.value_of else "",
    }
    return hashlib.sha256(json.dumps(meaning).encode()).hexdigest()[:_VERSION_DIGITS]


def _filter_meaning(wanted: Filter) -> str:
    operand: Any = wanted.operand
    if isinstance(operand, tuple):
        operand = sorted(set(operand))
    return json.dumps([path_text(wanted.match), wanted.operator, operand])
