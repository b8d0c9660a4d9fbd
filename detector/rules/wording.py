"""Describes a rule in words. Fields and operands are shown as written, shortened."""

from collections.abc import Iterator

from detector.rules.json_lines import shown
from detector.rules.rules import (
    Aggregate,
    AnyOf,
    ContributorRule,
    Filter,
    LogFormat,
    Operator,
    Percentiles,
    Ratio,
)

_WORDS = {
    Operator.IN: "is one of",
    Operator.NOT_IN: "is text and none of",
    Operator.STARTS_WITH: "starts with one of",
    Operator.ENDS_WITH: "ends with one of",
    Operator.CONTAINS: "contains one of",
    Operator.MATCHES: "matches the pattern",
    Operator.GREATER_THAN: "is greater than",
    Operator.LESS_THAN: "is less than",
    Operator.EQUAL_TO: "is the number",
    Operator.NOT_EQUAL_TO: "is a number, but not",
    Operator.BETWEEN: "is from",
}


def rule_words(rule: ContributorRule) -> Iterator[str]:
    """Yield sentences: what is read, what is counted for whom, and under which conditions."""
    yield f"Reads {_format_words(rule)} of {_group_words(rule)}."
    keys = " and ".join(rule.key_labels)
    combination = "each combination of " if len(rule.keys) > 1 else "each "
    yield f"{_counted_words(rule)} for {combination}{keys}."
    yield from (f"Only where {filter_words(rule, each)}." for each in rule.filters)
    if rule.any_of:
        yield f"Only where {any_of_words(rule, rule.any_of)}."
    match rule.measure:
        case Ratio(filters, value_of, minimum):
            over = "the number of them" if value_of is None else f"their {rule.label(value_of)}"
            where = "".join(f" and {filter_words(rule, each)}" for each in filters)
            condition = f" where{where.removeprefix(' and')}" if where else ""
            yield f"The value is {over}{condition}, over what is counted."
            yield f"Ranks contributors with at least {minimum:g} below the line."
        case Percentiles(of, at, minimum, most):
            first, *others = at
            also = f" (also {', '.join(f'{rank:g}' for rank in others)})" if others else ""
            yield f"The value is percentile {first:g}{also} of {rule.label(of)}, within 1 %."
            yield (
                f"Ranks contributors with at least {minimum:g} observations, "
                f"and keeps those of at most {most} in a pane."
            )


def filter_words(rule: ContributorRule, wanted: Filter) -> str:
    """Describe the condition of one filter."""
    label = rule.label(wanted.match)
    if wanted.operator is Operator.IS_PRESENT:
        return f"{label} is {'' if wanted.operand else 'not '}present"
    operand = wanted.operand
    if isinstance(operand, tuple):
        between = " to " if wanted.operator is Operator.BETWEEN else ", "
        written = between.join(
            f"{each:g}" if isinstance(each, float) else shown(each) for each in operand
        )
    else:
        written = f"{operand:g}"
    return f"{label} {_WORDS[wanted.operator]} {written}"


def any_of_words(rule: ContributorRule, groups: AnyOf) -> str:
    """Describe the condition of groups of filters."""
    described = (" and ".join(filter_words(rule, each) for each in group) for group in groups)
    return "at least one holds: " + "; or ".join(described)


def _format_words(rule: ContributorRule) -> str:
    if rule.log_format is LogFormat.JSON:
        return "JSON events"
    fields = ", ".join(f"{alias} is field {position}" for alias, position in rule.fields)
    return f"lines of plain text ({fields})"


def _group_words(rule: ContributorRule) -> str:
    if rule.reads_all_groups:
        return "every log group"
    return ", ".join([*rule.log_group_names, *map(str, rule.log_group_arns)])


def _counted_words(rule: ContributorRule) -> str:
    if rule.aggregate_on is Aggregate.SUM and rule.value_of is not None:
        return f"Adds up {rule.label(rule.value_of)}"
    return "Counts events"
