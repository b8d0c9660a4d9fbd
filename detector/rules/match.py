"""Second stage: what one log event adds to the table of one contributor rule.

Law: this is the reference; every faster matcher must give the same result.

How values are compared:

- A member that is missing or ``null`` satisfies only ``IsPresent: false``. ``NotIn`` and
  ``NotEqualTo`` also need a value.
- ``In``, ``NotIn`` and ``StartsWith`` compare text; any other value fails them.
- ``GreaterThan``, ``LessThan``, ``EqualTo`` and ``NotEqualTo`` compare numbers, negative ones
  included. Of several observations one that passes is enough; the known observations of a
  statistic set are its ``Min`` and ``Max``. Text is not a number.
- Ours: ``EndsWith``, ``Contains`` and ``Matches`` compare text, ``Between`` compares numbers and
  includes both ends. All filters of one group of ``any_of`` must pass, besides all other filters.
- ``IsPresent`` is true for leaves, as in CloudWatch: text, numbers, truth values, and lists of
  numbers, which is how EMF writes several observations of one metric. Objects and other lists are
  not present.
- Keys are text, numbers as JSON prints them, or truth values. An event that lacks one of the keys
  contributes nothing. ``shorten_key`` shortens long keys.
- ``Count`` counts matching events, each as one. ``Sum`` adds the total of ``ValueOf``; a value that
  is no number, is negative or has no observation adds nothing.
- The denominator of a ratio is counted or summed in the same way. The numerator is 0 when the event
  does not pass the ratio's filters or its ``value_of`` adds nothing. Percentiles take every
  observation of their field; of a statistic set only the number of observations is known.
- A JSON rule reads no CLF lines, a CLF rule reads only CLF lines. The fields of a line are text;
  where a number is needed, text that is written as a number is one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from detector.core.vocabulary import Envelope
from detector.logs.events import LogEvent
from detector.logs.field_paths import FieldPath, as_key, lookup, shorten_key
from detector.logs.fields import DecodeLimits
from detector.logs.values import Observations, ValueFault, observe, read_number
from detector.rules.contribution import Contribution
from detector.rules.patterns import searcher
from detector.rules.rules import (
    Aggregate,
    ContributorRule,
    Filter,
    LogFormat,
    Operator,
    Percentiles,
    Ratio,
)

KEY_CHARACTERS = DecodeLimits().key_characters


def match(
    event: LogEvent,
    rule: ContributorRule,
    *,
    key_characters: int = KEY_CHARACTERS,
) -> Contribution | None:
    """Return what ``event`` contributes under ``rule``, ``None`` when it does not match."""
    is_clf = rule.log_format is LogFormat.CLF
    if is_clf is not (event.envelope is Envelope.CLF):
        return None
    return match_document(event.document, event.log_group, rule, key_characters=key_characters)


def match_document(
    document: Mapping[str, Any],
    log_group: str,
    rule: ContributorRule,
    *,
    key_characters: int = KEY_CHARACTERS,
) -> Contribution | None:
    """Return what a document contributes that has the rule's format."""
    if not rule.reads_log_group(log_group):
        return None
    is_clf = rule.log_format is LogFormat.CLF
    document = rule.view(document)
    keys = keys_of(document, rule.keys, key_characters)
    if keys is None or not passes_all(document, rule.filters, as_text=is_clf):
        return None
    groups = rule.any_of
    if groups and not any(passes_all(document, group, as_text=is_clf) for group in groups):
        return None
    if isinstance(rule.measure, Percentiles):
        return _sketched(document, rule.measure, keys, as_text=is_clf)
    counted = _counted(document, rule, keys, as_text=is_clf)
    if counted is None or rule.measure is None:
        return counted
    return replace(counted, numerator=_numerator(document, rule.measure, as_text=is_clf))


def keys_of(
    document: Mapping[str, Any], paths: Iterable[FieldPath], characters: int
) -> tuple[str, ...] | None:
    """Return the key values of a document, ``None`` when one is missing or cannot be a key."""
    keys: list[str] = []
    for path in paths:
        key = as_key(lookup(document, path))
        if key is None:
            return None
        keys.append(shorten_key(key, characters))
    return tuple(keys)


def passes_all(
    document: Mapping[str, Any], filters: Iterable[Filter], *, as_text: bool = False
) -> bool:
    """Say whether a document satisfies all filters. ``as_text``: numbers are written as text."""
    return all(
        passes(lookup(document, wanted.match), wanted, as_text=as_text) for wanted in filters
    )


def passes(value: Any, wanted: Filter, *, as_text: bool = False) -> bool:
    """Say whether ``value`` satisfies one filter; ``None`` stands for a missing member."""
    operand = wanted.operand
    match wanted.operator:
        case Operator.IS_PRESENT:
            return _is_leaf(value) is operand
        case Operator.IN | Operator.NOT_IN | Operator.STARTS_WITH:
            return isinstance(value, str) and _text_passes(value, wanted.operator, operand)
        case Operator.ENDS_WITH | Operator.CONTAINS | Operator.MATCHES:
            return isinstance(value, str) and _part_passes(value, wanted.operator, operand)
        case _:
            numbers = _numbers(value, as_text=as_text)
            return any(_number_passes(number, wanted.operator, operand) for number in numbers)


def _text_passes(value: str, operator: Operator, operand: Any) -> bool:
    if operator is Operator.STARTS_WITH:
        return value.startswith(operand)
    return (value in operand) is (operator is Operator.IN)


def _part_passes(value: str, operator: Operator, operand: Any) -> bool:
    if operator is Operator.ENDS_WITH:
        return value.endswith(operand)
    if operator is Operator.CONTAINS:
        return any(part in value for part in operand)
    return searcher(operand[0])(value)


def _number_passes(number: float, operator: Operator, operand: Any) -> bool:
    match operator:
        case Operator.GREATER_THAN:
            return bool(number > operand)
        case Operator.LESS_THAN:
            return bool(number < operand)
        case Operator.EQUAL_TO:
            return bool(number == operand)
        case Operator.BETWEEN:
            return bool(operand[0] <= number <= operand[1])
        case _:
            return bool(number != operand)


def _numbers(value: Any, *, as_text: bool) -> tuple[float, ...]:
    seen = observe(value, numeric_strings=as_text, negative=True)
    if isinstance(seen, ValueFault) or seen.count == 0.0:
        return ()
    if seen.values is None:
        return (seen.minimum, seen.maximum)
    return tuple(number for number, _ in seen.values)


def _observed(
    document: Mapping[str, Any], path: FieldPath, *, as_text: bool
) -> Observations | None:
    seen = observe(lookup(document, path), numeric_strings=as_text)
    return None if isinstance(seen, ValueFault) or seen.count == 0.0 else seen


def _counted(
    document: Mapping[str, Any], rule: ContributorRule, keys: tuple[str, ...], *, as_text: bool
) -> Contribution | None:
    """Return what the rule counts or sums, without its measure."""
    if rule.aggregate_on is Aggregate.COUNT or rule.value_of is None:
        return Contribution(keys, 1.0, 1.0, 1.0, 1.0)
    seen = _observed(document, rule.value_of, as_text=as_text)
    if seen is None:
        return None
    return Contribution(keys, seen.total, seen.count, seen.minimum, seen.maximum)


def _sketched(
    document: Mapping[str, Any], wanted: Percentiles, keys: tuple[str, ...], *, as_text: bool
) -> Contribution | None:
    seen = _observed(document, wanted.of, as_text=as_text)
    if seen is None:
        return None
    return Contribution(
        keys,
        seen.count,
        seen.count,
        seen.minimum,
        seen.maximum,
        observations=seen.values or (),
        max_sketched=wanted.most,
    )


def _numerator(document: Mapping[str, Any], ratio: Ratio, *, as_text: bool) -> float:
    if not passes_all(document, ratio.filters, as_text=as_text):
        return 0.0
    if ratio.value_of is None:
        return 1.0
    seen = _observed(document, ratio.value_of, as_text=as_text)
    return 0.0 if seen is None else seen.total


def _is_leaf(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(
            not isinstance(read_number(item, negative=True), ValueFault) for item in value
        )
    return value is not None and not isinstance(value, dict)
