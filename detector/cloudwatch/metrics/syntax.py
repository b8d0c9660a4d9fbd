"""The grammar of metric math, and the parser of its expressions.

Source: Amazon CloudWatch User Guide, "Using metric math". Ids begin with a small letter, functions
are in capitals. The guide gives no order of precedence, so the usual one applies: ``^`` (right
associative), unary ``-``, ``* /``, ``+ -``, one comparison, ``AND``, ``OR``. A comparison of
comparisons needs parentheses, because ``1 < m1 < 5`` would not mean what it seems to mean.

``INSIGHT_RULE_METRIC(rule, "Sum")``: both arguments may be bare or quoted, with the same meaning: a
bare name is the name of a rule, never the id of a query.

Known limit: only the first fault of an expression is reported.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.visitors import v_args

from detector.cloudwatch.metrics.errors import MetricMathError
from detector.detection.explanations import plain_name

MAX_CHARACTERS = 2_048
"""CloudWatch's limit of an expression (model of its API, MetricExpression)."""

MAX_NESTING = 32
"""Ours: the deepest nesting of brackets."""

_GRAMMAR = r"""
?start: disjunction
?disjunction: conjunction
            | disjunction OR conjunction -> binary
?conjunction: comparison
            | conjunction AND comparison -> binary
?comparison: sum
           | sum COMPARISON sum -> binary
?sum: product
    | sum PLUS product -> binary
    | sum MINUS product -> binary
?product: unary
        | product TIMES unary -> binary
?unary: power
      | MINUS unary -> negative
?power: atom
      | atom POWER unary -> binary
?atom: NUMBER -> number
     | ID -> identifier
     | "(" disjunction ")"
     | LSQB [disjunction ("," disjunction)*] "]" -> array
     | WORD "(" [argument ("," argument)*] ")" -> call
     | RULE_METRIC "(" rule_part "," rule_part ")" -> rule_metric
?argument: disjunction
         | WORD -> word
         | STRING -> string
?rule_part: STRING -> string
          | NAME -> word
OR.2: /OR\b|\|\|/
AND.2: /AND\b|&&/
RULE_METRIC.2: /INSIGHT_RULE_METRIC\b/
COMPARISON: /==|!=|<=|>=|<|>/
PLUS: "+"
MINUS: "-"
TIMES: /[*\/]/
POWER: "^"
LSQB: "["
NUMBER: /(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?/
ID: /[a-z][A-Za-z0-9_]*/
WORD: /[A-Z][A-Za-z0-9_]*/
NAME: /[A-Za-z0-9_][A-Za-z0-9_.\/#-]*/
STRING: /"[^"]*"|'[^']*'/
%ignore /[ \t\r\n]+/
"""

_EXPECTED = {
    "NUMBER": "a number",
    "ID": "an id",
    "WORD": "a function",
    "LPAR": '"("',
    "LSQB": '"["',
    "NAME": "a name",
    "STRING": "a quoted string",
    "PLUS": "an operator",
    "TIMES": "an operator",
    "POWER": "an operator",
    "COMPARISON": "an operator",
    "AND": "an operator",
    "OR": "an operator",
    "COMMA": '","',
    "RPAR": '")"',
    "RSQB": '"]"',
    "$END": "the end",
}
"""Descriptions of the tokens that an error may list as expected, in order; ``-`` is omitted."""

_BRACKETS = re.compile(r"\"[^\"]*\"|'[^']*'|[()\[\]]")


class NodeKind(StrEnum):
    """The kind of a node of an expression."""

    NUMBER = "number"
    IDENTIFIER = "identifier"
    WORD = "word"
    STRING = "string"
    NEGATIVE = "negative"
    BINARY = "binary"
    ARRAY = "array"
    CALL = "call"
    RULE_METRIC = "rule_metric"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Node:
    """One part of an expression: ``text`` is its number, name or operator, without quotes."""

    kind: NodeKind
    text: str
    line: int
    column: int
    children: "tuple[Node, ...]" = ()

    def fault(self, found: str, expected: str) -> MetricMathError:
        """Return an error at the position of this node."""
        return MetricMathError(found, expected, line=self.line, column=self.column)


def parse_expression(text: str) -> Node:
    """Parse an expression. Raise ``MetricMathError`` with the position of its first fault."""
    if not text.strip():
        raise MetricMathError("nothing", "an expression")
    if len(text) > MAX_CHARACTERS:
        raise MetricMathError(f"{len(text)} characters", f"at most {MAX_CHARACTERS}")
    _check_nesting(text)
    try:
        parsed = _parser().parse(text)
    except UnexpectedInput as error:
        raise _fault(error, text) from None
    assert isinstance(parsed, Node)  # noqa: S101 - the grammar ends in nodes only
    return parsed


def in_order(root: Node) -> list[Node]:
    """Return every node after its children, without recursion: expressions may be deep."""
    order, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        order.append(node)
        waiting.extend(node.children)
    order.reverse()
    return order


@v_args(inline=True)
class _Nodes(Transformer[Token, Node]):
    def number(self, token: Token) -> Node:
        return _node(NodeKind.NUMBER, token)

    def identifier(self, token: Token) -> Node:
        return _node(NodeKind.IDENTIFIER, token)

    def word(self, token: Token) -> Node:
        return _node(NodeKind.WORD, token)

    def string(self, token: Token) -> Node:
        return Node(NodeKind.STRING, token[1:-1], token.line or 1, token.column or 1)

    def negative(self, token: Token, value: Node) -> Node:
        return _node(NodeKind.NEGATIVE, token, value)

    def binary(self, left: Node, token: Token, right: Node) -> Node:
        return _node(NodeKind.BINARY, token, left, right)

    def array(self, token: Token, *items: Node) -> Node:
        return _node(NodeKind.ARRAY, token, *items)

    def call(self, token: Token, *arguments: Node) -> Node:
        return _node(NodeKind.CALL, token, *arguments)

    def rule_metric(self, token: Token, rule: Node, metric: Node) -> Node:
        return _node(NodeKind.RULE_METRIC, token, rule, metric)


def _node(kind: NodeKind, token: Token, *children: Node) -> Node:
    return Node(kind, str(token), token.line or 1, token.column or 1, children)


@cache
def _parser() -> Lark:
    return Lark(
        _GRAMMAR, parser="lalr", lexer="contextual", transformer=_Nodes(), maybe_placeholders=False
    )


def _check_nesting(text: str) -> None:
    depth = 0
    for found in _BRACKETS.finditer(text):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(found[0], 0)
        if depth > MAX_NESTING:
            line, column = _line_and_column(text, found.start())
            raise MetricMathError(
                f"brackets {depth} deep", f"at most {MAX_NESTING}", line=line, column=column
            )


def _fault(error: UnexpectedInput, text: str) -> MetricMathError:
    at = len(text.rstrip())
    found = "the end"
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        at, found = error.token.start_pos or 0, _quoted(str(error.token))
    elif isinstance(error, UnexpectedCharacters):
        at = cast("int", error.pos_in_stream)
        found = _quoted(text[at])
    parsing = _parser().parse_interactive(text[:at])
    parsing.exhaust_lexer()
    names: set[str] = parsing.accepts()  # type: ignore[no-untyped-call]
    expected = _listed([description for name, description in _EXPECTED.items() if name in names])
    if found == '"("' and re.search(r"[a-z]\w*\s*$", text[:at]):
        expected = "an operator or the end: functions are written in capitals"
    line, column = _line_and_column(text, at)
    return MetricMathError(found, expected, line=line, column=column)


def _line_and_column(text: str, at: int) -> tuple[int, int]:
    before = text[:at]
    return before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1


def _quoted(text: str) -> str:
    if text in {'"', "'"}:
        return "a quote without its end"
    return plain_name(text) if text.startswith(('"', "'")) else f'"{plain_name(text)}"'


def _listed(words: list[str]) -> str:
    distinct = list(dict.fromkeys(words))
    return " or ".join(filter(None, [", ".join(distinct[:-1]), distinct[-1]]))
