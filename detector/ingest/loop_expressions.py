"""Expressions of the generated loop: members of a record, and conditions on them.

Law: only numbers from checked settings and rules, and names made here, reach the text; everything
that an operator or a producer wrote goes through ``constants``. For records that the typed decoder
accepts, a condition is true exactly where the filter passes in the reference
(``detector.rules.match``).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from detector.ingest.schema import MemberKind, RecordSchema
from detector.rules.patterns import searcher
from detector.rules.rules import AnyOf, Filter, Operator

COMPARISON = {
    Operator.GREATER_THAN: ">",
    Operator.LESS_THAN: "<",
    Operator.EQUAL_TO: "==",
    Operator.NOT_EQUAL_TO: "!=",
}

Condition = Filter | AnyOf
"""One condition of a rule: a filter, or a list of filter groups of which one must hold."""


class Expressions:
    """Writes expressions on ``r``, a record that the typed decoder of ``schema`` returned."""

    def __init__(
        self,
        schema: RecordSchema,
        attribute_by_name: Mapping[str, str],
        constants: dict[str, object],
    ) -> None:
        self._meanings = schema.meanings
        self._attribute_by_name = attribute_by_name
        self.kind_by_name = dict(schema.members)
        self._constants = constants
        self._variables: dict[str, str] = {}

    def assign(self, variable: str, expression: str) -> str:
        """Return the assignment; later expressions use ``variable`` for ``expression``."""
        self._variables[expression] = variable
        return f"{variable} = {expression}"

    def value(self, name: str) -> str:
        """Return the value of a member that is present."""
        expression = f"r.{self._attribute_by_name[name]}"
        expression = (
            f"{expression}[0]" if self.kind_by_name[name] is MemberKind.LONE else expression
        )
        return self._variables.get(expression, expression)

    def amount(self, name: str) -> str:
        """Return the value as a float."""
        value = self.value(name)
        expression = f"float({value})" if self.kind_by_name[name] is MemberKind.INTEGER else value
        return self._variables.get(expression, expression)

    def key(self, name: str) -> str:
        """Return the value as a contributor key."""
        value = self.value(name)
        return f"str({value})" if self.kind_by_name[name] is MemberKind.INTEGER else value

    def are_there(self, names: Iterable[str]) -> list[str]:
        """Return the conditions that members are present; none for those that always are."""
        return [
            f"r.{self._attribute_by_name[name]} is not UNSET"
            for name in dict.fromkeys(names)
            if not self.is_certain(name)
        ]

    def is_certain(self, name: str) -> bool:
        """Say whether every record of the schema has this member, with no negative number."""
        return name in self._meanings

    def all_of(self, conditions: Iterable[Condition]) -> str:
        """Return the expression that all conditions hold; ``conditions`` is not empty."""
        return " and ".join(
            part
            for condition in conditions
            for part in (
                self._filter(condition)
                if isinstance(condition, Filter)
                else [self._any_of(condition)]
            )
        )

    def _any_of(self, groups: AnyOf) -> str:
        return f"({' or '.join(f'({self.all_of(group)})' for group in groups)})"

    def _filter(self, wanted: Filter) -> list[str]:
        name = str(wanted.match[0])
        return [*self.are_there([name]), self._comparison(self.value(name), wanted)]

    def _comparison(self, value: str, wanted: Filter) -> str:
        operand: Any = wanted.operand
        match wanted.operator:
            case operator if operator in COMPARISON:
                return f"{value} {COMPARISON[operator]} {float(operand)!r}"
            case Operator.BETWEEN:
                low, high = map(float, operand)
                return f"{low!r} <= {value} <= {high!r}"
            case Operator.STARTS_WITH:
                return f"{value}.startswith({self._constant(operand)})"
            case Operator.ENDS_WITH:
                return f"{value}.endswith({self._constant(operand)})"
            case Operator.CONTAINS:
                parts = [f"{self._constant(part)} in {value}" for part in operand]
                return parts[0] if len(parts) == 1 else f"({' or '.join(parts)})"
            case Operator.MATCHES:
                return f"{self._constant(searcher(operand[0]))}({value})"
            case _:
                word = "in" if wanted.operator is Operator.IN else "not in"
                return f"{value} {word} {self._constant(operand)}"

    def _constant(self, operand: object) -> str:
        name = f"c{len(self._constants)}"
        self._constants[name] = operand
        return name
