"""The rules' part of the generated loop: what one record adds to the tables of all rules.

Rules with the same condition share one ``if``, and the most common condition is tested first: a
hundred rules on faults cost a healthy request one comparison. The reference applies the rules that
are not compilable (``RecordSchema.not_compilable``). It decodes the record again, so the loop calls
it only for records that pass the filters which can be tested here.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from detector.ingest.loop_expressions import Condition, Expressions
from detector.ingest.schema import RecordSchema, can_compile
from detector.rules.rules import (
    Aggregate,
    ContributorRule,
    Filter,
    Operator,
    Percentiles,
    Ratio,
)

_PendingRule = tuple[int, ContributorRule, tuple[Condition, ...]]
"""Position of a rule in the rule set, the rule, and its conditions that are not tested yet."""


class RulesSource:
    """Writes the code of all rules except those in ``done``, which holds positions."""

    def __init__(
        self,
        schema: RecordSchema,
        rules: Sequence[ContributorRule],
        done: Collection[int],
        expressions: Expressions,
        *,
        universal: bool,
    ) -> None:
        self._write = expressions
        self._universal = universal
        live = [
            (at, rule)
            for at, rule in enumerate(rules)
            if at not in done and rule.name not in schema.inert
        ]
        self._not_compilable = [rule for _, rule in live if rule.name in schema.not_compilable]
        typed = [(at, rule) for at, rule in live if rule.name not in schema.not_compilable]
        uses = Counter(each for _, rule in typed for each in _conditions(rule))
        self._typed: list[_PendingRule] = [
            (at, rule, _in_order(_conditions(rule), uses)) for at, rule in typed
        ]

    def text(self) -> Iterator[str]:
        """Yield the lines."""
        yield from self._under(self._typed, "  ")
        if self._not_compilable:
            guards = [self._guard(rule) for rule in self._not_compilable]
            if all(guards):
                yield f"  if {' or '.join(f'({guard})' for guard in dict.fromkeys(guards))}:"
                yield "   match_whole(tally, pane, message)"
            else:
                yield "  match_whole(tally, pane, message)"

    def _guard(self, rule: ContributorRule) -> str:
        """Return the condition for calling the reference; empty if no filter can be tested."""
        known = [each for each in rule.filters if self._is_typed(each)]
        return self._write.all_of(known) if known else ""

    def _is_typed(self, wanted: Filter) -> bool:
        kind = (
            self._write.kind_by_name.get(str(wanted.match[0])) if len(wanted.match) == 1 else None
        )
        return kind is not None and can_compile(wanted, kind)

    def _under(self, pending: Sequence[_PendingRule], indent: str) -> Iterator[str]:
        """Write rules inside the conditions that were already tested."""
        groups: dict[Condition, list[_PendingRule]] = {}
        for at, rule, conditions in pending:
            if conditions:
                groups.setdefault(conditions[0], []).append((at, rule, conditions[1:]))
            else:
                yield from self._contribution(indent, at, rule)
        for condition, group in groups.items():
            # All conditions of a single rule fit into one ``if``.
            whole = (condition, *group[0][2]) if len(group) == 1 else (condition,)
            inner = [(at, rule, rest[len(whole) - 1 :]) for at, rule, rest in group]
            yield f"{indent}if {self._write.all_of(whole)}:"
            yield from self._under(inner, f"{indent} ")

    def _contribution(self, indent: str, position: int, rule: ContributorRule) -> Iterator[str]:
        write = self._write
        names = [str(path[0]) for path in rule.keys]
        added = _amount_of(rule)
        guards = [] if self._universal else [f"covering & {1 << position}"]
        guards += write.are_there([*names, added] if added else names)
        if guards:
            yield f"{indent}if {' and '.join(guards)}:"
            indent += " "
        parts = [write.key(name) for name in names]
        amount = "1"
        if added:
            amount = "amount"
            yield f"{indent}amount = {write.amount(added)}"
            if not write.is_certain(added):
                yield f"{indent}if amount >= 0.0:"
                indent += " "
            if not isinstance(rule.measure, Percentiles):
                yield f"{indent}tables[{position}].observe(1, amount, amount)"
        key = parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
        yield f"{indent}k = {key}"
        yield from (indent + line for line in self._addition(position, rule, amount))

    def _addition(self, position: int, rule: ContributorRule, amount: str) -> Iterator[str]:
        """Write the lines that add ``amount`` to contributor ``k``."""
        table = f"tables[{position}]"
        match rule.measure:
            case Ratio() as ratio:
                yield f"{table}.add_ratio(k, {amount}, {self._numerator(ratio)}, exact)"
            case Percentiles(most=most):
                yield f"{table}.add_observation(k, amount, min(exact, {most}))"
            case _:
                yield f"try: t{position}[k] += {amount}"
                yield f"except KeyError: tally.insert({table}, k, {amount})"

    def _numerator(self, ratio: Ratio) -> str:
        value = "1.0"
        guards = [self._write.all_of(ratio.filters)] if ratio.filters else []
        if ratio.value_of is not None:
            name = str(ratio.value_of[0])
            value = self._write.amount(name)
            guards += self._write.are_there([name])
            if not self._write.is_certain(name):
                guards.append(f"{value} >= 0.0")
        return f"({value} if {' and '.join(guards)} else 0.0)" if guards else value


def _conditions(rule: ContributorRule) -> tuple[Condition, ...]:
    conditions: tuple[Condition, ...] = rule.filters
    return (*conditions, rule.any_of) if rule.any_of else conditions


def _in_order(conditions: Sequence[Condition], uses: Counter[Condition]) -> tuple[Condition, ...]:
    """Order conditions by the number of rules that share them; slow ones come last."""

    def rank(condition: Condition) -> tuple[bool, int, str]:
        slow = not isinstance(condition, Filter) or condition.operator is Operator.MATCHES
        return slow, -uses[condition], repr(condition)

    return tuple(sorted(dict.fromkeys(conditions), key=rank))


def _amount_of(rule: ContributorRule) -> str | None:
    """Return the member whose number the rule adds, ``None`` if it counts events."""
    if isinstance(rule.measure, Percentiles):
        return str(rule.measure.of[0])
    if rule.aggregate_on is Aggregate.SUM and rule.value_of is not None:
        return str(rule.value_of[0])
    return None
