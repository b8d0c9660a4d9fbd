"""Compiles the nodes of an expression to steps and checks their types.

Law: an expression that compiles can be evaluated over any datapoints without an error.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, cast

import numpy as np

from detector.cloudwatch.metrics import calls, missing
from detector.cloudwatch.metrics.axis import Axis, Lane, Lanes, Value, Values
from detector.cloudwatch.metrics.calls import FORMS, RETURNS, run_of
from detector.cloudwatch.metrics.plan import PlanBuilder, Run, ValueKind
from detector.cloudwatch.metrics.series import InsightRuleMetric, Metric, RuleMetric
from detector.cloudwatch.metrics.syntax import Node, NodeKind
from detector.detection.explanations import plain_name

MAX_SERIES = 500
"""Most series in one array: as many as CloudWatch returns to one request."""

_RULE_NAME_CHARACTERS = 128
_SPELT = {"&&": "AND", "||": "OR"}
_ARITHMETIC = frozenset("+-*/^")


class Compiled(NamedTuple):
    """A compiled part of an expression: its step, its type, and its label, if it has one."""

    step: int
    kind: ValueKind
    label: str = ""


class Names:
    """The queries of one request that are compiled so far, by the ids that expressions use."""

    def __init__(self) -> None:
        self.by_id: dict[str, Compiled] = {}
        self.period_by_metric_id: dict[str, int] = {}
        """Ids of metrics in the order of the request, with their periods in seconds."""


class ExpressionCompiler:
    """Compiles one expression into ``builder``."""

    def __init__(self, builder: PlanBuilder, names: Names) -> None:
        self._builder = builder
        self._names = names
        self._done: dict[int, Compiled] = {}
        self.used: set[str] = set()
        """Ids of the queries that the expression uses, by name or through ``METRICS``."""

    def compile(self, nodes: Sequence[Node]) -> Compiled:
        """Compile nodes, each of which follows its children; raise ``MetricMathError``."""
        for node in nodes:
            if node.kind not in {NodeKind.WORD, NodeKind.STRING}:
                self._done[id(node)] = self._part(node)
        return self._done[id(nodes[-1])]

    def _part(self, node: Node) -> Compiled:
        match node.kind:
            case NodeKind.NUMBER:
                return self._number(node)
            case NodeKind.IDENTIFIER:
                return self._identifier(node.text)
            case NodeKind.NEGATIVE:
                return self._negative(node)
            case NodeKind.BINARY:
                return self._binary(node)
            case NodeKind.ARRAY:
                return self._array(node)
            case NodeKind.RULE_METRIC:
                return Compiled(self._builder.read(rule_metric(node)), ValueKind.SERIES)
            case _:
                return self._call(node)

    def _number(self, node: Node) -> Compiled:
        number = float(node.text)
        if not math.isfinite(number):
            raise node.fault(plain_name(node.text), "a number below 1.8e308")
        return self._constant(number)

    def _constant(self, number: float) -> Compiled:
        value = np.array([number])
        value.flags.writeable = False
        step = self._builder.add(f"number {number!r}", ValueKind.SCALAR, lambda *_: value, ())
        return Compiled(step, ValueKind.SCALAR)

    def _identifier(self, name: str) -> Compiled:
        self.used.add(name)
        return self._names.by_id[name]

    def _negative(self, node: Node) -> Compiled:
        (value,) = (self._done[id(child)] for child in node.children)
        run = _each_negative if value.kind is ValueKind.ARRAY else _negative
        return self._add("negative", value.kind, run, [value], width=self._width(value))

    def _binary(self, node: Node) -> Compiled:
        left, right = (self._done[id(child)] for child in node.children)
        operator = _SPELT.get(node.text, node.text)
        kinds = {left.kind, right.kind}
        if ValueKind.ARRAY in kinds and (operator not in _ARITHMETIC or kinds == {ValueKind.ARRAY}):
            expected = "S or TS on both sides"
            if operator in _ARITHMETIC:
                expected = "TS[] on one side at most"
            raise node.fault(f'"{left.kind} {node.text} {right.kind}"', expected)
        series = kinds <= {ValueKind.SERIES, ValueKind.ARRAY}
        combine = partial(missing.between_series if series else missing.with_scalar, operator)
        if ValueKind.ARRAY in kinds:
            many, each = (
                (left, _each_left) if left.kind is ValueKind.ARRAY else (right, _each_right)
            )
            operation, width = f"{operator} {left.kind} {right.kind}", self._width(many)
            return self._add(
                operation, ValueKind.ARRAY, partial(each, combine), [left, right], width
            )
        kind = ValueKind.SERIES if ValueKind.SERIES in kinds else ValueKind.SCALAR
        operation = f"{operator} {left.kind} {right.kind}"
        return self._add(operation, kind, partial(_combined, combine), [left, right])

    def _array(self, node: Node) -> Compiled:
        items = [self._done[id(child)] for child in node.children]
        if any(item.kind is ValueKind.SCALAR for item in items):
            found = ", ".join(item.kind for item in items)
            raise node.fault(f"[{plain_name(found)}]", "only TS and TS[] in an array")
        return self._gathered(node, items)

    def _gathered(self, node: Node, items: Sequence[Compiled]) -> Compiled:
        width = sum(self._width(item) for item in items)
        if width > MAX_SERIES:
            raise node.fault(f"an array of {width} series", f"at most {MAX_SERIES}")
        labels = tuple(item.label for item in items)
        return self._add(f"array {labels}", ValueKind.ARRAY, partial(_gather, labels), items, width)

    def _call(self, node: Node) -> Compiled:
        name = node.text
        if name not in FORMS:
            expected = f"one of {', '.join(sorted(FORMS))}"
            if name in calls.CLOUDWATCH_ONLY:
                expected = f"{expected}: what {name} reads is only in CloudWatch"
            raise node.fault(f"the function {plain_name(name)}", expected)
        described = self._described(node)
        if described not in FORMS[name]:
            forms = " or ".join(f"{name}({form})" for form in FORMS[name])
            raise node.fault(f"{name}({plain_name(described)})", forms)
        if name == "METRICS":
            return self._metrics(node)
        if name == "PERIOD":
            return self._constant(self._names.period_by_metric_id[node.children[0].text])
        return self._function(node)

    def _function(self, node: Node) -> Compiled:
        arguments = [self._done[id(part)] for part in node.children if _is_value(part)]
        name, first = node.text, arguments[0]
        words = [child.text for child in node.children if not _is_value(child)]
        kind = RETURNS[name][first.kind is ValueKind.ARRAY]
        kinds = [argument.kind for argument in arguments]
        width = self._width(first) if kind is ValueKind.ARRAY else 1
        operation = f"{name} {kinds} {words}"
        return self._add(operation, kind, run_of(name, kinds, words), arguments, width)

    def _metrics(self, node: Node) -> Compiled:
        part = node.children[0].text if node.children else ""
        named = [name for name in self._names.period_by_metric_id if part in name]
        return self._gathered(node, [self._identifier(name) for name in named])

    def _described(self, node: Node) -> str:
        """Describe the arguments of a call in the notation of ``FORMS``."""
        return ", ".join(self._argument(node.text, child) for child in node.children)

    def _argument(self, name: str, child: Node) -> str:
        if child.kind is NodeKind.STRING:
            return '"text"'
        if child.kind is NodeKind.WORD:
            if name == "SORT":
                return _sort_word(child.text)
            return child.text
        if name == "PERIOD" and child.text in self._names.period_by_metric_id:
            return "the id of a metric"
        return self._done[id(child)].kind

    def _width(self, part: Compiled) -> int:
        return self._builder.steps[part.step].width

    def _add(
        self,
        operation: str,
        kind: ValueKind,
        run: Run,
        arguments: Sequence[Compiled],
        width: int = 1,
    ) -> Compiled:
        steps = [argument.step for argument in arguments]
        step = self._builder.add(operation, kind, run, steps, width=width)
        return Compiled(step, kind)


def rule_metric(node: Node) -> Metric:
    """Read ``INSIGHT_RULE_METRIC(rule, metric)``; raise ``MetricMathError``."""
    rule, metric = node.children
    if not 1 <= len(rule.text) <= _RULE_NAME_CHARACTERS or not rule.text.isprintable():
        expected = f"1 to {_RULE_NAME_CHARACTERS} printable characters"
        raise rule.fault(f'the rule name "{plain_name(rule.text)}"', expected)
    try:
        return InsightRuleMetric(rule.text, RuleMetric(metric.text))
    except ValueError:
        expected = f"one of {', '.join(RuleMetric)}"
        raise metric.fault(f'"{plain_name(metric.text)}"', expected) from None


def _is_value(node: Node) -> bool:
    return node.kind not in {NodeKind.WORD, NodeKind.STRING}


def _sort_word(word: str) -> str:
    if word in calls.SORTED_BY:
        return "AVG|MIN|MAX|SUM"
    return "ASC|DESC" if word in calls.ORDERS else word


def _negative(_: Axis, arguments: Sequence[Value]) -> Value:
    return np.negative(cast("Values", arguments[0]))


def _each_negative(_: Axis, arguments: Sequence[Value]) -> Value:
    lanes = cast("Lanes", arguments[0])
    return tuple(Lane(lane.label, np.negative(lane.values)) for lane in lanes)


def _combined(combine: missing.Operator, _: Axis, arguments: Sequence[Value]) -> Value:
    left, right = arguments
    return combine(cast("Values", left), cast("Values", right))


def _each_left(combine: missing.Operator, _: Axis, arguments: Sequence[Value]) -> Value:
    lanes, other = cast("Lanes", arguments[0]), cast("Values", arguments[1])
    return tuple(Lane(lane.label, combine(lane.values, other)) for lane in lanes)


def _each_right(combine: missing.Operator, _: Axis, arguments: Sequence[Value]) -> Value:
    other, lanes = cast("Values", arguments[0]), cast("Lanes", arguments[1])
    return tuple(Lane(lane.label, combine(other, lane.values)) for lane in lanes)


def _gather(labels: Sequence[str], _: Axis, arguments: Sequence[Value]) -> Value:
    lanes: list[Lane] = []
    for label, argument in zip(labels, arguments, strict=True):
        lanes += argument if isinstance(argument, tuple) else [Lane(label, argument)]
    return tuple(lanes)
