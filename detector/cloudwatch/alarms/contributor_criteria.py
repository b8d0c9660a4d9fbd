"""Which contributors an alarm tracks: a PromQL query inside CloudWatch's own members.

CloudWatch defines an alarm per contributor with ``EvaluationCriteria.PromQLCriteria``: the query
returns the series that breach, and each of them is a contributor with its own state. Here two
series exist, one value per contributor of a rule and window:

- ``insight_rule_contributor_value{rule="faults-by-host"} > 25``
- ``insight_rule_contributor_share{rule="faults-by-host"} > 0.66``, the share of the rule's sum

The comparison is one of ``> >= < <=`` with a number on its right. Both queries are valid PromQL;
every other query is refused.
"""

import re
from dataclasses import dataclass
from math import isfinite
from typing import Final

from detector.cloudwatch.alarms.alarm_model import Measure
from detector.cloudwatch.alarms.m_of_n import ComparisonOperator
from detector.cloudwatch.alarms.validation import ValidationErrors, shown

LONGEST_SECONDS: Final = 86_400
PROMQL_CHARACTERS: Final = 10_000
EXAMPLE: Final = 'insight_rule_contributor_share{rule="faults-by-host"} > 0.66'
_PROMQL: Final = re.compile(
    r"\s*insight_rule_contributor_(value|share)\s*"
    r"\{\s*rule\s*=\s*(?:\"([^\"\\]{1,128})\"|'([^'\\]{1,128})')\s*,?\s*\}\s*"
    r"(>=|<=|>|<)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)\s*"
)
_COMPARISONS: Final = {comparison.sign: comparison for comparison in ComparisonOperator}


@dataclass(frozen=True, slots=True)
class Criteria:
    """What makes a contributor breach, and for how long before its state changes."""

    rule: str
    measure: Measure
    comparison: ComparisonOperator
    threshold: float
    pending_seconds: int
    recovery_seconds: int


def read_criteria(errors: ValidationErrors) -> Criteria:
    """Read ``EvaluationCriteria``, a structure with exactly the member ``PromQLCriteria``."""
    found = errors.structure("EvaluationCriteria") or {}
    criteria = found.get("PromQLCriteria")
    if len(found) != 1 or criteria is None:
        errors.add(
            f"EvaluationCriteria has {', '.join(found) or 'no member'}, "
            "expected exactly PromQLCriteria"
        )
        criteria = {}
    inner = ValidationErrors(criteria)
    promql = inner.text("Query", low=1, high=PROMQL_CHARACTERS, required=True)
    pending = inner.whole("PendingPeriod", low=0, high=LONGEST_SECONDS, default=0)
    recovery = inner.whole("RecoveryPeriod", low=0, high=LONGEST_SECONDS, default=0)
    for text in inner.messages:
        errors.add(f"EvaluationCriteria.PromQLCriteria.{text}")
    match = _PROMQL.fullmatch(promql)
    if match is None or not isfinite(float(match[5])):
        errors.add(
            "EvaluationCriteria.PromQLCriteria.Query is "
            f"{shown(promql)}, expected a sentence such as {EXAMPLE}"
        )
        return Criteria("", Measure.VALUE, ComparisonOperator.GREATER, 0.0, pending, recovery)
    return Criteria(
        match[2] or match[3],
        Measure(match[1]),
        _COMPARISONS[match[4]],
        float(match[5]),
        pending,
        recovery,
    )
