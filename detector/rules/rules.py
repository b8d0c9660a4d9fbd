"""Contributor rules in CloudWatch Contributor Insights' terms, as typed values.

A rule says which events count (log group, filters), for which contributor (keys) and how much (one
each, or the sum of a field). What CloudWatch does not have (``any_of``, ``measure``, four of the
operators) comes from the member ``Extensions``; a rule without it means the same as in CloudWatch.
``detector.rules.parser`` reads and checks the JSON text.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from detector.logs.field_paths import FieldPath, path_text
from detector.logs.log_groups import LogGroupArn, fits


class LogFormat(StrEnum):
    """What a rule reads: structured events, or lines of text whose fields have positions."""

    JSON = "JSON"
    CLF = "CLF"


class Operator(StrEnum):
    """The filter operators: the eight of CloudWatch, under its names, and four of ours."""

    IN = "In"
    NOT_IN = "NotIn"
    STARTS_WITH = "StartsWith"
    GREATER_THAN = "GreaterThan"
    LESS_THAN = "LessThan"
    EQUAL_TO = "EqualTo"
    NOT_EQUAL_TO = "NotEqualTo"
    IS_PRESENT = "IsPresent"
    ENDS_WITH = "EndsWith"
    CONTAINS = "Contains"
    MATCHES = "Matches"
    BETWEEN = "Between"


EXTENDED_OPERATORS = (
    Operator.ENDS_WITH,
    Operator.CONTAINS,
    Operator.MATCHES,
    Operator.BETWEEN,
)
"""Operators that only filters in ``Extensions`` may have."""

CLOUDWATCH_OPERATORS = tuple(each for each in Operator if each not in EXTENDED_OPERATORS)
"""The operators of a plain rule."""


class Aggregate(StrEnum):
    """``Count`` counts matching events, ``Sum`` adds the field ``ValueOf``."""

    COUNT = "Count"
    SUM = "Sum"


Operand = tuple[str, ...] | tuple[float, float] | float | bool


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on one field.

    The operator decides what ``operand`` is: a tuple of strings (one pattern for ``Matches``), a
    number, a truth value, or the two ends of ``Between``, both included. Equality with a text is
    ``In`` or ``NotIn`` with one string.
    """

    match: FieldPath
    operator: Operator
    operand: Operand


AnyOf = tuple[tuple[Filter, ...], ...]
"""Groups of filters: all filters of at least one group must pass. Empty: no condition."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """Value of a contributor: what also passes these filters, over what the rule counts.

    The numerator counts the rule's events that also pass ``filters``, or sums their ``value_of``.
    A contributor whose denominator in a window is below ``minimum`` is counted but not ranked.
    ``minimum`` is above 0, so nothing is divided by zero.
    """

    filters: tuple[Filter, ...]
    value_of: FieldPath | None
    minimum: float


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Value of a contributor: the first of these percentiles (0 to 100) of a field.

    At most ``most`` contributors of a pane are sketched; the observations of others are counted as
    not held. A contributor with fewer than ``minimum`` observations in a window is not ranked.
    """

    of: FieldPath
    at: tuple[float, ...]
    minimum: float
    most: int


@dataclass(frozen=True, slots=True)
class ContributorRule:
    """One compiled rule.

    ``version`` is a hash of what the rule means and changes only with it. ``fields`` are the
    aliases of a CLF rule with their positions, which begin at 1; a path of such a rule is a single
    alias.
    """

    name: str
    version: str
    log_group_names: tuple[str, ...]
    keys: tuple[FieldPath, ...]
    filters: tuple[Filter, ...]
    aggregate_on: Aggregate
    value_of: FieldPath | None = None
    log_group_arns: tuple[LogGroupArn, ...] = ()
    log_format: LogFormat = LogFormat.JSON
    fields: tuple[tuple[str, int], ...] = ()
    any_of: AnyOf = ()
    measure: Ratio | Percentiles | None = None

    @property
    def subject(self) -> str:
        """Name of the rule's table."""
        return f"rule:{self.name}"

    @property
    def key_labels(self) -> tuple[str, ...]:
        """The keys as they are written in a rule."""
        return tuple(self.label(path) for path in self.keys)

    @property
    def reads_all_groups(self) -> bool:
        """Say whether the rule covers every log group."""
        return "*" in self.log_group_names

    def label(self, path: FieldPath) -> str:
        """Write a field as it is written in this rule."""
        return str(path[0]) if self.log_format is LogFormat.CLF else path_text(path)

    def reads_log_group(self, log_group: str) -> bool:
        """Say whether the rule covers ``log_group``.

        A trailing ``*`` is a prefix; case-sensitive.
        """
        return any(fits(log_group, name) for name in self.log_group_names) or any(
            arn.covers(log_group) for arn in self.log_group_arns
        )

    def view(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the document that the rule's paths read: for a CLF line, its aliases only."""
        if self.log_format is LogFormat.JSON:
            return document
        return {alias: document.get(str(position)) for alias, position in self.fields}


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All enabled rules, in name order: the same files always give an equal set."""

    rules: tuple[ContributorRule, ...] = field(default_factory=tuple)

    def __iter__(self) -> Iterator[ContributorRule]:
        """Iterate over the rules."""
        return iter(self.rules)

    @property
    def json_paths(self) -> tuple[FieldPath, ...]:
        """The members that keys and values of the JSON rules read."""
        paths: dict[FieldPath, None] = {}
        for rule in self.rules:
            if rule.log_format is LogFormat.JSON:
                paths |= dict.fromkeys(rule.keys)
                if rule.value_of is not None:
                    paths[rule.value_of] = None
        return tuple(paths)

    def reads_lines(self, log_group: str) -> bool:
        """Say whether a CLF rule covers ``log_group``."""
        return any(
            rule.log_format is LogFormat.CLF and rule.reads_log_group(log_group)
            for rule in self.rules
        )
