r"""The rule of a composite alarm: its parser, whose errors have positions, and its evaluation.

Grammar (keywords in any case; NOT binds closest, then AND, then OR)::

    rule      := rule OR rule | rule AND rule | NOT rule | "(" rule ")" | TRUE | FALSE
               | state "(" alarm ")"
               | AT_LEAST "(" (k | p%) "," ["NOT"] state "," "(" alarm {"," alarm} ")" ")"
    state     := ALARM | OK | INSUFFICIENT_DATA
    alarm     := name or ARN, bare (no quote, comma or parenthesis in it) or in double quotes

``AT_LEAST(p%, ...)`` needs that percentage of the listed alarms, rounded up. Limits: 10,240
characters, 100 alarms, 500 elements (alarms, TRUE, FALSE, pairs of grouping parentheses).

A parsed rule is kept as postfix steps, so no depth of nesting exceeds Python's recursion limit.
Source: CloudWatch API reference, PutCompositeAlarm; AT_LEAST of November 2025.
"""

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from lark import Lark, Token, UnexpectedInput, UnexpectedToken
from lark.exceptions import VisitError
from lark.visitors import Transformer_NonRecursive

from detector.cloudwatch.alarms.m_of_n import StateValue
from detector.cloudwatch.alarms.validation import refuse, shown

RULE_CHARACTERS: Final = 10_240
CHILDREN: Final = 100
ELEMENTS: Final = 500
ARN_MARK: Final = ":alarm:"

GRAMMAR: Final = r"""
    start: disjunction
    ?disjunction: conjunction (_OR conjunction)*
    ?conjunction: negation (_AND negation)*
    ?negation: _NOT negation -> negated
        | operand
    ?operand: STATE "(" alarm ")" -> is_in
        | TRUE -> always
        | FALSE -> never
        | "(" disjunction ")" -> grouped
        | _AT_LEAST "(" AMOUNT "," condition "," "(" alarm ("," alarm)* ")" ")" -> at_least
    condition: STATE -> plain
        | _NOT STATE -> inverted
    alarm: QUOTED | BARE
    STATE.2: /(ALARM|OK|INSUFFICIENT_DATA)\b/i
    TRUE.2: /TRUE\b/i
    FALSE.2: /FALSE\b/i
    _AND.2: /AND\b/i
    _OR.2: /OR\b/i
    _NOT.2: /NOT\b/i
    _AT_LEAST.2: /AT_LEAST\b/i
    AMOUNT: /\d{1,9}%?/
    QUOTED: /"[^"]*"/
    BARE: /[^\s"(),][^"(),]*/
    %ignore /\s+/
"""
_WORDS: Final = {
    "STATE": "ALARM, OK or INSUFFICIENT_DATA",
    "TRUE": "TRUE",
    "FALSE": "FALSE",
    "_AND": "AND",
    "_OR": "OR",
    "_NOT": "NOT",
    "_AT_LEAST": "AT_LEAST",
    "AMOUNT": "a number or a percentage",
    "QUOTED": "an alarm's name",
    "BARE": "an alarm's name",
    "LPAR": "'('",
    "RPAR": "')'",
    "COMMA": "','",
    "$END": "the end",
}


@dataclass(frozen=True, slots=True)
class Constant:
    """TRUE or FALSE."""

    value: bool


@dataclass(frozen=True, slots=True)
class AtLeast:
    """``least`` or more of ``alarms`` are (``negated``: are not) in ``state``; OK(a) has one."""

    least: int
    state: StateValue
    negated: bool
    alarms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Negate:
    """Negates the newest value."""


@dataclass(frozen=True, slots=True)
class Combine:
    """Replaces the newest ``count`` values by whether all (``every``) or any of them are true."""

    count: int
    every: bool


Step = Constant | AtLeast | Negate | Combine
States = Callable[[str], StateValue | None]
"""State of an alarm by its name; ``None`` when there is no such alarm."""


@dataclass(frozen=True, slots=True)
class CompositeRule:
    """A parsed rule: its text, its postfix steps and the names of its alarms, in order."""

    text: str
    steps: tuple[Step, ...]
    children: tuple[str, ...]

    def holds(self, states: States) -> bool:
        """Evaluate the rule; an alarm that does not exist is in no state."""
        values: list[bool] = []
        for step in self.steps:
            if isinstance(step, Constant):
                values.append(step.value)
            elif isinstance(step, AtLeast):
                values.append(_counts(step, states))
            elif isinstance(step, Negate):
                values.append(not values.pop())
            else:
                taken = values[-step.count :]
                values[-step.count :] = [all(taken) if step.every else any(taken)]
        return values[0]


def parse_composite_rule(text: str) -> CompositeRule:
    """Parse a rule; ``AlarmRefusedError`` with the position and what was expected there."""
    if len(text) > RULE_CHARACTERS:
        refuse(f"AlarmRule has {len(text)} characters, expected at most {RULE_CHARACTERS}")
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        refuse(_syntax_error(text, error))
    try:
        steps: tuple[Step, ...] = tuple(_Steps().transform(tree))
    except VisitError as error:
        raise error.orig_exc from None
    elements = sum(1 for _ in tree.find_data("grouped")) + sum(map(_size, steps))
    if elements > ELEMENTS:
        refuse(f"AlarmRule has {elements} elements, expected at most {ELEMENTS}")
    names = [name for step in steps if isinstance(step, AtLeast) for name in step.alarms]
    children = tuple(dict.fromkeys(names))
    if len(children) > CHILDREN:
        refuse(f"AlarmRule names {len(children)} alarms, expected at most {CHILDREN}")
    return CompositeRule(text, steps, children)


def name_of(reference: str) -> str:
    """Return the name in a name or an ARN of an alarm."""
    if reference.startswith("arn:") and ARN_MARK in reference:
        return reference.split(ARN_MARK, 1)[1]
    return reference


def _counts(step: AtLeast, states: States) -> bool:
    found = [states(name) for name in step.alarms]
    if step.negated:
        return sum(each not in {None, step.state} for each in found) >= step.least
    return sum(each is step.state for each in found) >= step.least


@functools.cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", lexer="contextual", maybe_placeholders=False)


def _syntax_error(text: str, error: UnexpectedInput) -> str:
    position: int = getattr(error, "pos_in_stream", 0)
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        position = len(text)
    names = getattr(error, "accepts", None) or getattr(error, "allowed", None) or ()
    expected = sorted({_WORDS[name] for name in names})
    found = shown(text[position : position + 20]) if position < len(text) else "the end"
    return f"AlarmRule at character {position + 1}: found {found}, expected {', '.join(expected)}"


def _size(step: Step) -> int:
    if isinstance(step, AtLeast):
        return len(step.alarms)
    return int(isinstance(step, Constant))


class _Steps(Transformer_NonRecursive):  # type: ignore[type-arg]
    """Turns a parse tree into postfix steps, leaves first."""

    def start(self, children: list[Any]) -> list[Step]:
        return list(children[0])

    def disjunction(self, children: list[Any]) -> list[Step]:
        return [*itertools.chain(*children), Combine(len(children), every=False)]

    def conjunction(self, children: list[Any]) -> list[Step]:
        return [*itertools.chain(*children), Combine(len(children), every=True)]

    def negated(self, children: list[Any]) -> list[Step]:
        return [*children[0], Negate()]

    def grouped(self, children: list[Any]) -> list[Step]:
        return list(children[0])

    def always(self, _: list[Any]) -> list[Step]:
        return [Constant(value=True)]

    def never(self, _: list[Any]) -> list[Step]:
        return [Constant(value=False)]

    def is_in(self, children: list[Any]) -> list[Step]:
        state, alarm = children
        return [AtLeast(1, StateValue(state.upper()), negated=False, alarms=(alarm,))]

    def at_least(self, children: list[Any]) -> list[Step]:
        amount, (negated, state), *alarms = children
        least = _least(amount, len(alarms))
        return [AtLeast(least, state, negated=negated, alarms=tuple(alarms))]

    def plain(self, children: list[Any]) -> tuple[bool, StateValue]:
        return False, StateValue(children[0].upper())

    def inverted(self, children: list[Any]) -> tuple[bool, StateValue]:
        return True, StateValue(children[0].upper())

    def alarm(self, children: list[Any]) -> str:
        return name_of(str(children[0]).strip().strip('"'))


def _least(amount: Token, alarms: int) -> int:
    where = f"AlarmRule at character {(amount.start_pos or 0) + 1}: found {shown(str(amount))}"
    number = int(amount.removesuffix("%"))
    if amount.endswith("%"):
        if not 1 <= number <= 100:  # noqa: PLR2004 - per cent
            refuse(f"{where}, expected 1% to 100%")
        return ceil(number * alarms / 100)
    if not 1 <= number <= alarms:
        refuse(f"{where}, expected 1 to {alarms}, the number of alarms in the list")
    return number
