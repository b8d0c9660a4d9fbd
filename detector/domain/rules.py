"""Contributor rules in CloudWatch Contributor Insights' terms, as typed values.

A rule says which events count (log group, filters), for whom (keys) and how much (one each, or the
sum of a field). Reading and checking the JSON text lives in ``detector.domain.rule_syntax``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

FieldPath = tuple[str | int, ...]
"""``$.users[1].name`` as ``("users", 1, "name")``; never empty and begins with a name."""


class Operator(StrEnum):
    """The eight filter operators of CloudWatch, under CloudWatch's names."""

    IN = "In"
    NOT_IN = "NotIn"
    STARTS_WITH = "StartsWith"
    GREATER_THAN = "GreaterThan"
    LESS_THAN = "LessThan"
    EQUAL_TO = "EqualTo"
    NOT_EQUAL_TO = "NotEqualTo"
    IS_PRESENT = "IsPresent"


class Aggregate(StrEnum):
    """``Count`` counts matching events, ``Sum`` adds the field ``ValueOf``."""

    COUNT = "Count"
    SUM = "Sum"


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on one field.

    ``operand`` is a tuple of strings, a number or a truth value, by operator.
    """

    match: FieldPath
    operator: Operator
    operand: tuple[str, ...] | float | bool


@dataclass(frozen=True, slots=True)
class ContributorRule:
    """One compiled rule.

    ``version`` changes whenever the meaning of the rule changes (a hash of its definition).
    """

    name: str
    version: str
    log_group_names: tuple[str, ...]
    keys: tuple[FieldPath, ...]
    filters: tuple[Filter, ...]
    aggregate_on: Aggregate
    value_of: FieldPath | None = None

    @property
    def subject(self) -> str:
        """Name of the rule's table."""
        return f"rule:{self.name}"

    @property
    def key_labels(self) -> tuple[str, ...]:
        """The keys as they are written in a rule."""
        return tuple(path_text(path) for path in self.keys)

    def reads_log_group(self, log_group: str) -> bool:
        """Say whether the rule covers ``log_group``.

        A trailing ``*`` is a prefix; case-sensitive.
        """
        for name in self.log_group_names:
            if name.endswith("*"):
                if log_group.startswith(name[:-1]):
                    return True
            elif name == log_group:
                return True
        return False


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All enabled rules, in name order, so that the same files always give the same book."""

    rules: tuple[ContributorRule, ...] = field(default_factory=tuple)

    def __iter__(self) -> Iterator[ContributorRule]:
        """Iterate over the rules."""
        return iter(self.rules)


def path_text(path: FieldPath) -> str:
    """Write a field path the way rules do: ``$.users[1].name``."""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
