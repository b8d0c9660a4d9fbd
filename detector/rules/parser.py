"""Parses contributor rules: CloudWatch Contributor Insights' JSON, checked.

Law: a rule is read completely or refused with all its faults, each with its line. Nothing is
guessed: an unknown member, a second operator in a filter or a number in place of text is a fault.

Source: Amazon CloudWatch User Guide, "Contributor Insights rule syntax", and the limits of the
PutInsightRule API. Some of AWS's own examples break these rules (a fifth filter, a trailing comma,
``Sum`` without ``ValueOf``). ``LENIENT`` raises the numeric limits and accepts trailing commas,
both with a warning. It never changes the meaning: ``Sum`` of nothing stays a fault.
"""

import hashlib
import json
import re
from dataclasses import asdict, replace
from typing import Any, NamedTuple

from detector.core.errors import Fault, RuleError
from detector.logs.field_paths import path_text
from detector.logs.json_text import nests_deeper
from detector.rules.json_lines import shown, source_lines
from detector.rules.limits import LENIENT, STRICT, RuleLimits
from detector.rules.reader import RuleReader
from detector.rules.rules import ContributorRule, Filter, LogFormat, Percentiles, Ratio

__all__ = ["LENIENT", "STRICT", "ReadRule", "RuleLimits", "parse_rule", "read_rule"]

_NESTING = 16
_NAME_CHARACTERS = 128
_VERSION_DIGITS = 12
_STRINGS_OR_COMMAS = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[\]}])', re.DOTALL)


class ReadRule(NamedTuple):
    """A rule, and what CloudWatch would refuse of it; ``expected`` is what CloudWatch accepts."""

    rule: ContributorRule
    warnings: tuple[Fault, ...]


def parse_rule(text: str, *, name: str, limits: RuleLimits = STRICT) -> ContributorRule:
    """Read one rule. Raise ``RuleError`` with all its faults."""
    return read_rule(text, name=name, limits=limits).rule


def read_rule(text: str, *, name: str, limits: RuleLimits = STRICT) -> ReadRule:
    """Read one rule and its warnings. Raise ``RuleError`` with all its faults."""
    faults = _check_name(name) + _check_characters(text, limits)
    if len(text) > limits.characters:
        raise RuleError(faults)
    warnings = _check_length(text)
    if limits.lenient:
        text, commas = _without_spare_commas(text)
        warnings += commas
    definition, syntax = _read_json(text)
    if syntax:
        raise RuleError(faults + syntax)
    reader = RuleReader(source_lines(text), limits)
    rule = reader.rule(name, definition)
    faults += reader.faults
    if faults:
        raise RuleError(sorted(faults, key=lambda fault: fault.line))
    warnings += reader.warnings
    rule = replace(rule, version=_version(rule))
    return ReadRule(rule, tuple(sorted(warnings, key=lambda warning: warning.line)))


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


def _check_length(text: str) -> list[Fault]:
    if len(text) <= STRICT.characters:
        return []
    return [Fault(1, "definition", f"{len(text)} characters", f"at most {STRICT.characters}")]


def _without_spare_commas(text: str) -> tuple[str, list[Fault]]:
    """Replace each trailing comma by a space, and return a warning for each."""
    warnings: list[Fault] = []

    def spare(found: re.Match[str]) -> str:
        if found[0] != ",":
            return found[0]
        line = text.count("\n", 0, found.start()) + 1
        warnings.append(Fault(line, "definition", "a comma behind the last item", "none there"))
        return " "

    return _STRINGS_OR_COMMAS.sub(spare, text), warnings


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


def _version(rule: ContributorRule) -> str:
    """Hash what the rule means, whatever the order of its groups, filters and operands.

    Members that only extended rules have are left out where a rule does not use them: the version
    of a plain rule does not depend on them.
    """
    meaning: dict[str, Any] = {
        "groups": sorted(set(rule.log_group_names)),
        "keys": [path_text(key) for key in rule.keys],
        "filters": sorted(_filter_meaning(wanted) for wanted in rule.filters),
        "aggregate": rule.aggregate_on,
        "value": path_text(rule.value_of) if rule.value_of else "",
    }
    if rule.log_group_arns:
        meaning["arns"] = sorted({str(arn) for arn in rule.log_group_arns})
    if rule.log_format is LogFormat.CLF:
        meaning["fields"] = sorted(rule.fields)
    if rule.any_of:
        meaning["any_of"] = sorted(sorted(map(_filter_meaning, each)) for each in rule.any_of)
    match rule.measure:
        case Ratio(filters, value_of, minimum):
            conditions = sorted(map(_filter_meaning, filters))
            meaning["ratio"] = [conditions, path_text(value_of) if value_of else "", minimum]
        case Percentiles() as percentiles:
            meaning["percentiles"] = list(asdict(percentiles).values())
    return hashlib.sha256(json.dumps(meaning).encode()).hexdigest()[:_VERSION_DIGITS]


def _filter_meaning(wanted: Filter) -> str:
    operand: Any = wanted.operand
    if isinstance(operand, tuple):
        operand = sorted(set(operand))
    return json.dumps([path_text(wanted.match), wanted.operator, operand])
