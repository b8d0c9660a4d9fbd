"""Facts about the grammar: what binds tighter, what is refused, where and in which words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.cloudwatch.metrics.errors import MetricMathError
from detector.cloudwatch.metrics.syntax import (
    MAX_CHARACTERS,
    MAX_NESTING,
    Node,
    NodeKind,
    in_order,
    parse_expression,
)
from detector.core.safe_text import escape_controls

AFTER_COMMA = 'a number, an id, a function, "(", "[" or a quoted string'
A_NAME = "a name or a quoted string"
IN_CAPITALS = "an operator or the end: functions are written in capitals"
OPERAND = 'a number, an id, a function, "(" or "["'
ARGUMENT = 'a number, an id, a function, "(", "[", a quoted string or ")"'


def shape(node: Node) -> str:
    """Return an expression with a bracket around every operation."""
    parts = [shape(child) for child in node.children]
    match node.kind:
        case NodeKind.BINARY:
            return f"({parts[0]} {node.text} {parts[1]})"
        case NodeKind.NEGATIVE:
            return f"(- {parts[0]})"
        case NodeKind.ARRAY:
            return f"[{', '.join(parts)}]"
        case NodeKind.CALL | NodeKind.RULE_METRIC:
            return f"{node.text}({', '.join(parts)})"
        case NodeKind.STRING:
            return f"'{node.text}'"
        case _:
            return node.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m1 + m2 * m3", "(m1 + (m2 * m3))"),
        ("m1 - m2 - m3", "((m1 - m2) - m3)"),
        ("m1 / m2 * m3", "((m1 / m2) * m3)"),
        ("m1 ^ m2 ^ m3", "(m1 ^ (m2 ^ m3))"),
        ("-m1 ^ 2", "(- (m1 ^ 2))"),
        ("2 ^ -1", "(2 ^ (- 1))"),
        ("m1--1", "(m1 - (- 1))"),
        ("-5*m1", "((- 5) * m1)"),
        ("m1 + 1 > m2 * 2", "((m1 + 1) > (m2 * 2))"),
        ("m1 > 1 AND m2 < 2 OR m3 == 3", "(((m1 > 1) AND (m2 < 2)) OR (m3 == 3))"),
        ("m1 > 1 || m2 < 2 && m3 != 3", "((m1 > 1) || ((m2 < 2) && (m3 != 3)))"),
        ("(m1 + m2) * m3", "((m1 + m2) * m3)"),
        ("(0 < m1) < 5", "((0 < m1) < 5)"),
        ("SUM([m1, m2])", "SUM([m1, m2])"),
        ("METRICS()", "METRICS()"),
        ("[]", "[]"),
        ('METRICS("4xx")', "METRICS('4xx')"),
        ("SORT(METRICS(), AVG, DESC, 10)", "SORT(METRICS(), AVG, DESC, 10)"),
        ("FILL(m1,\n\tREPEAT)", "FILL(m1, REPEAT)"),
        ("1.5e3 + .5 + 2.", "((1.5e3 + .5) + 2.)"),
        ("ANDy(m1)", "ANDy(m1)"),
        ("INSIGHT_RULE_METRIC(rule, Sum)", "INSIGHT_RULE_METRIC(rule, Sum)"),
        ("INSIGHT_RULE_METRIC(a-b.c/d#1, 'Sum')", "INSIGHT_RULE_METRIC(a-b.c/d#1, 'Sum')"),
        ('INSIGHT_RULE_METRIC("a (b)", "Sum")', "INSIGHT_RULE_METRIC('a (b)', 'Sum')"),
    ],
)
def test_an_expression_reads_as(text: str, expected: str) -> None:
    assert expected == shape(parse_expression(text))


def test_the_expression_of_the_talk_reads_as_it_is_written() -> None:
    text = (
        'INSIGHT_RULE_METRIC(rule,"MaxContributorValue") / INSIGHT_RULE_METRIC(rule,"Sum") > 0.66'
    )
    expected = (
        "((INSIGHT_RULE_METRIC(rule, 'MaxContributorValue')"
        " / INSIGHT_RULE_METRIC(rule, 'Sum')) > 0.66)"
    )
    assert expected == shape(parse_expression(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found nothing, expected an expression"),
        (" \n", "found nothing, expected an expression"),
        ("m1 + ", f"line 1, column 5: found the end, expected {OPERAND}"),
        ("m1 + )", f'line 1, column 6: found ")", expected {OPERAND}'),
        ("* m1", f'line 1, column 1: found "*", expected {OPERAND}'),
        ("SUM([m1, m2", 'line 1, column 12: found the end, expected an operator, "," or "]"'),
        ("SUM(m1", 'line 1, column 7: found the end, expected an operator, "," or ")"'),
        ("(m1", 'line 1, column 4: found the end, expected an operator or ")"'),
        ("m1)", 'line 1, column 3: found ")", expected an operator or the end'),
        ("m1 m2", 'line 1, column 4: found "m2", expected an operator or the end'),
        ("5m1", 'line 1, column 2: found "m1", expected an operator or the end'),
        ("m1 = 2", 'line 1, column 4: found "=", expected an operator or the end'),
        ("1 < m1 < 5", 'line 1, column 8: found "<", expected an operator or the end'),
        ("IF(m1>1,\n m2;3)", 'line 2, column 4: found ";", expected an operator, "," or ")"'),
        ("m1\x1b[2J", 'line 1, column 3: found "\\x1b", expected an operator or the end'),
        ("é", f'line 1, column 1: found "é", expected {OPERAND}'),
        ("SUM(,)", f'line 1, column 5: found ",", expected {ARGUMENT}'),
        ("SUM(m1,)", f'line 1, column 8: found ")", expected {AFTER_COMMA}'),
        ('"m1"', f'line 1, column 1: found "m1", expected {OPERAND}'),
        ('METRICS("abc)', f"line 1, column 9: found a quote without its end, expected {ARGUMENT}"),
        ("REPEAT", 'line 1, column 7: found the end, expected "("'),
        ("IF(AVG+1,2)", 'line 1, column 7: found "+", expected "(", "," or ")"'),
        ("INSIGHT_RULE_METRIC()", f'line 1, column 21: found ")", expected {A_NAME}'),
        ("INSIGHT_RULE_METRIC(a)", 'line 1, column 22: found ")", expected ","'),
        ("INSIGHT_RULE_METRIC(a,Sum,1)", 'line 1, column 26: found ",", expected ")"'),
        ("INSIGHT_RULE_METRIC", 'line 1, column 20: found the end, expected "("'),
        ("avg(m1)", f'line 1, column 4: found "(", expected {IN_CAPITALS}'),
        ("m1 +" + "(" * 33, "line 1, column 37: found brackets 33 deep, expected at most 32"),
        ("1" * 2_049, "found 2049 characters, expected at most 2048"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_reported_in_one_sentence_with_its_position(
    text: str, message: str
) -> None:
    with pytest.raises(MetricMathError) as caught:
        parse_expression(text)
    assert message == str(caught.value)


def test_brackets_in_quotes_do_not_nest() -> None:
    quoted = "(" * (MAX_NESTING + 1)
    assert NodeKind.CALL is parse_expression(f'METRICS("{quoted}")').kind


def test_a_sum_as_long_as_an_expression_may_be_is_read() -> None:
    text = "m1" + "+m1" * 682
    assert MAX_CHARACTERS == len(text)
    assert 2 * 683 - 1 == len(in_order(parse_expression(text)))


def test_every_node_stands_after_its_children() -> None:
    order = in_order(parse_expression("IF(m1 > 1, SUM([m1, -m2]), 3)"))
    place = {id(node): number for number, node in enumerate(order)}
    assert all(place[id(child)] < place[id(node)] for node in order for child in node.children)


def test_a_fault_can_be_reported_with_its_query() -> None:
    error = MetricMathError("this", "that", line=2, column=3).of_query("e1")
    assert "e1: line 2, column 3: found this, expected that" == str(error)


pieces = st.sampled_from(
    'm1 e1 5 .5 1e9 ( ) [ ] , + - * / ^ == < >= != AND OR && || SUM IF FILL REPEAT METRICS "a" \'b'
    ' " INSIGHT_RULE_METRIC rule-1 \n \t @ = ! & é \x00 \u202e'.split(" ")
)


def fault_of(text: str) -> MetricMathError | None:
    try:
        assert len(in_order(parse_expression(text))) <= len(text)
    except MetricMathError as error:
        return error
    return None


@given(st.lists(pieces, max_size=60).map("".join) | st.text(max_size=80))
def test_any_text_is_read_or_refused_at_a_place_inside_it(text: str) -> None:
    if (error := fault_of(text)) is not None:
        assert escape_controls(str(error)) == str(error)
        lines = text.split("\n")
        assert 0 <= error.line <= len(lines)
        assert error.line == 0 or 1 <= error.column <= len(lines[error.line - 1]) + 1
