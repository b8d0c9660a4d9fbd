"""Second stage: what one log event adds to the table of one contributor rule.

This is the reference that any faster matcher must agree with. How values are compared, all of it:

- A member that is missing, or ``null``, satisfies nothing but ``IsPresent: false``; ``NotIn`` and
  ``NotEqualTo`` too ask something of a value that is there.
- ``In``, ``NotIn`` and ``StartsWith`` speak of text; any other value satisfies none of them.
- ``GreaterThan``, ``LessThan``, ``EqualTo`` and ``NotEqualTo`` speak of numbers, negative ones
  included. Of several observations one that passes is enough; of a statistic set the observations
  that are known are its ``Min`` and ``Max``. Text is no number.
- ``IsPresent`` looks at leaves, as CloudWatch does: text, numbers, truth values, and lists of
  numbers, which is how EMF writes several observations of one metric. Objects and other lists are
  not present.
- Keys are text, numbers as JSON prints them, or truth values; without all keys nothing is
  contributed. Long keys are shortened as ``shorten_key`` says.
- ``Count`` counts matching events, whatever they stand for. ``Sum`` adds the total of ``ValueOf``;
  what is not a number of observations, or is negative, or is no observation at all adds nothing.
"""

from typing import Any

from detector.domain.contributors import Contribution
from detector.domain.events import LogEvent
from detector.domain.field_paths import as_key, lookup, shorten_key
from detector.domain.fields import DecodeLimits
from detector.domain.rules import Aggregate, ContributorRule, Filter, Operator
from detector.domain.values import ValueFault, observe, read_number

KEY_CHARACTERS = DecodeLimits().key_characters


def match(
    event: LogEvent,
    rule: ContributorRule,
    *,
    key_characters: int = KEY_CHARACTERS,
) -> Contribution | None:
    """Return what ``event`` contributes under ``rule``, ``None`` when it does not match."""
    if not rule.reads_log_group(event.log_group):
        return None
    keys: list[str] = []
    for path in rule.keys:
        key = as_key(lookup(event.document, path))
        if key is None:
            return None
        keys.append(shorten_key(key, key_characters))
    if not all(passes(lookup(event.document, wanted.match), wanted) for wanted in rule.filters):
        return None
    if rule.aggregate_on is Aggregate.COUNT or rule.value_of is None:
        return Contribution(tuple(keys), 1.0, 1.0, 1.0, 1.0)
    seen = observe(lookup(event.document, rule.value_of))
    if isinstance(seen, ValueFault) or seen.count == 0.0:
        return None
    return Contribution(tuple(keys), seen.total, seen.count, seen.minimum, seen.maximum)


def passes(value: Any, wanted: Filter) -> bool:
    """Say whether ``value`` satisfies one filter; ``None`` stands for a missing member."""
    operand = wanted.operand
    if wanted.operator is Operator.IS_PRESENT:
        return _is_leaf(value) is operand
    if isinstance(operand, tuple):
        return isinstance(value, str) and _text_passes(value, wanted.operator, operand)
    return any(_number_passes(number, wanted.operator, operand) for number in _numbers(value))


def _text_passes(value: str, operator: Operator, operand: tuple[str, ...]) -> bool:
    if operator is Operator.STARTS_WITH:
        return value.startswith(operand)
    return (value in operand) is (operator is Operator.IN)


def _number_passes(number: float, operator: Operator, operand: float) -> bool:
    match operator:
        case Operator.GREATER_THAN:
            return number > operand
        case Operator.LESS_THAN:
            return number < operand
        case Operator.EQUAL_TO:
            return number == operand
        case _:
            return number != operand


def _numbers(value: Any) -> tuple[float, ...]:
    seen = observe(value, negative=True)
    if isinstance(seen, ValueFault) or seen.count == 0.0:
        return ()
    if seen.values is None:
        return (seen.minimum, seen.maximum)
    return tuple(number for number, _ in seen.values)


def _is_leaf(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(
            not isinstance(read_number(item, negative=True), ValueFault) for item in value
        )
    return value is not None and not isinstance(value, dict)
