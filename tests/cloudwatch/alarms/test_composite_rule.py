"""Composite rules: what they mean, against Python's own operators; limits; errors with position."""

import random

import pytest

from detector.cloudwatch.alarms.composite_rule import name_of, parse_composite_rule
from detector.cloudwatch.alarms.m_of_n import StateValue
from detector.cloudwatch.alarms.validation import AlarmRefusedError

ARN = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:third alarm"
STATES = {
    "up": StateValue.ALARM,
    "fine": StateValue.OK,
    "unknown": StateValue.INSUFFICIENT_DATA,
    "third alarm": StateValue.ALARM,
    "OK": StateValue.OK,
}


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("ALARM(up)", True),
        ("OK(up)", False),
        ("INSUFFICIENT_DATA(unknown)", True),
        ('ALARM("up")', True),
        (f"ALARM({ARN})", True),
        (f'ALARM("{ARN}")', True),
        ("ALARM(third alarm)", True),
        ("OK(OK)", True),
        ("TRUE", True),
        ("FALSE", False),
        ("false or true", True),
        ("TRUE OR TRUE AND FALSE", True),
        ("(TRUE OR TRUE) AND FALSE", False),
        ("NOT FALSE AND FALSE", False),
        ("NOT (FALSE AND FALSE)", True),
        ("NOT NOT ALARM(up)", True),
        ("ALARM(up)AND NOT OK(up)", True),
        ("\n ALARM ( up )\tAND\nOK( fine ) ", True),
        ("ALARM(nobody) OR OK(nobody) OR INSUFFICIENT_DATA(nobody)", False),
        ("AT_LEAST(1, ALARM, (up, fine))", True),
        ("AT_LEAST(2, ALARM, (up, fine))", False),
        ("AT_LEAST(2, NOT ALARM, (up, fine, unknown))", True),
        ("AT_LEAST(3, NOT ALARM, (up, fine, unknown))", False),
        ("AT_LEAST(2, NOT OK, (up, nobody))", False),
        ("AT_LEAST(50%, ALARM, (up, fine, unknown))", False),
        ("AT_LEAST(33%, ALARM, (up, fine, unknown))", True),
        ("AT_LEAST(100%, ALARM, (up, third alarm))", True),
        ('NOT AT_LEAST(1%, OK, ("up", unknown))', True),
    ],
)
def test_a_rule_means_what_it_says(rule: str, holds: bool) -> None:
    assert holds is parse_composite_rule(rule).holds(STATES.get)


def random_rule(chance: random.Random, depth: int) -> tuple[str, str]:
    """A rule and the same in Python, over the name ``s`` for the states."""
    kind = chance.randint(0, 6) if depth else chance.randint(0, 2)
    name = chance.choice(list(STATES))
    state = chance.choice(list(StateValue))
    if kind == 0:
        return chance.choice([("TRUE", "True"), ("false", "False")])
    if kind == 1:
        return f'{state.value}("{name}")', f"(s[{name!r}] == {state.value!r})"
    if kind == 2:
        names = chance.sample(list(STATES), chance.randint(1, 5))
        least = chance.randint(1, len(names))
        negated = chance.random() < 0.5
        rule = f"AT_LEAST({least}, {'NOT ' * negated}{state.value}, ({', '.join(names)}))"
        sign = "!=" if negated else "=="
        return rule, f"(sum(s[n] {sign} {state.value!r} for n in {names}) >= {least})"
    if kind == 3:
        rule, python = random_rule(chance, depth - 1)
        return f"NOT ({rule})", f"(not ({python}))"
    parts = [random_rule(chance, depth - 1) for _ in range(chance.randint(2, 4))]
    word = chance.choice(["AND", "OR"])
    return (
        "(" + f" {word} ".join(rule for rule, _ in parts) + ")",
        "(" + f" {word.lower()} ".join(python for _, python in parts) + ")",
    )


def test_random_rules_mean_what_python_says(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(300):
        rule, python = random_rule(chance, 4)
        if len(rule) > 5_000:
            continue
        states = {name: chance.choice(list(StateValue)) for name in STATES}
        try:
            found = parse_composite_rule(rule).holds(states.get)
        except AlarmRefusedError as error:
            assert "elements" in str(error)  # noqa: PT017 - the one way out of a valid rule
            continue
        values = {name: state.value for name, state in states.items()}
        assert found is eval(python, {"s": values}), rule  # noqa: S307 - our own text


def test_the_alarms_of_a_rule_are_listed_once_in_order() -> None:
    rule = parse_composite_rule(f"ALARM(b) OR OK(a) OR AT_LEAST(1, OK, (b, {ARN}))")
    assert rule.children == ("b", "a", "third alarm")


def test_an_arn_stands_for_the_name_in_it() -> None:
    assert name_of("arn:aws:cloudwatch:eu:1:alarm:a:b") == "a:b"
    assert name_of("arn:aws:sns:eu:1:topic") == "arn:aws:sns:eu:1:topic"
    assert name_of(":alarm:x") == ":alarm:x"


def test_no_depth_meets_a_limit_of_recursion() -> None:
    assert parse_composite_rule("NOT " * 2_400 + "TRUE").holds(STATES.get)
    assert parse_composite_rule("(" * 499 + "TRUE" + ")" * 499).holds(STATES.get)
    deep = "NOT (TRUE AND " * 240 + "TRUE" + ")" * 240
    assert parse_composite_rule(deep).holds(STATES.get)


def test_a_hundred_alarms_are_the_limit() -> None:
    names = [f"a{index}" for index in range(100)]
    assert len(parse_composite_rule(f"AT_LEAST(1, OK, ({', '.join(names)}))").children) == 100


START = "'(', ALARM, OK or INSUFFICIENT_DATA, AT_LEAST, FALSE, NOT, TRUE"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("", f"AlarmRule at character 1: found the end, expected {START}"),
        ("FOO(x)", f"AlarmRule at character 1: found 'FOO(x)', expected {START}"),
        ("NOTALARM(x)", f"AlarmRule at character 1: found 'NOTALARM(x)', expected {START}"),
        ("ALARM(x) AND", f"AlarmRule at character 13: found the end, expected {START}"),
        (
            "ALARM(x) OR (OK(y)",
            "AlarmRule at character 19: found the end, expected ')'",
        ),
        (
            "ALARM(x) OK(y)",
            "AlarmRule at character 10: found 'OK(y)', expected AND, OR, the end",
        ),
        ("ALARM", "AlarmRule at character 6: found the end, expected '('"),
        ("ALARM()", "AlarmRule at character 7: found ')', expected an alarm's name"),
        ("ALARM(a,b)", "AlarmRule at character 8: found ',b)', expected ')'"),
        ('ALARM("a)', "AlarmRule at character 7: found '\"a)', expected an alarm's name"),
        (
            "AT_LEAST(x, OK, (a))",
            "AlarmRule at character 10: found 'x, OK, (a))', expected a number or a percentage",
        ),
        (
            "AT_LEAST(0, OK, (a))",
            (
                "AlarmRule at character 10: found '0', expected 1 to 1, "
                "the number of alarms in the list"
            ),
        ),
        (
            "AT_LEAST(3, OK, (a, b))",
            (
                "AlarmRule at character 10: found '3', expected 1 to 2, "
                "the number of alarms in the list"
            ),
        ),
        (
            "TRUE OR AT_LEAST(101%, OK, (a))",
            "AlarmRule at character 18: found '101%', expected 1% to 100%",
        ),
        ("AT_LEAST(0%, OK, (a))", "AlarmRule at character 10: found '0%', expected 1% to 100%"),
        (" AND ".join(["TRUE"] * 501), "AlarmRule has 501 elements, expected at most 500"),
        ("(" * 500 + "TRUE" + ")" * 500, "AlarmRule has 501 elements, expected at most 500"),
        (
            f"AT_LEAST(1, OK, ({', '.join(f'a{n}' for n in range(101))}))",
            "AlarmRule names 101 alarms, expected at most 100",
        ),
        ("TRUE" + " " * 10_240, "AlarmRule has 10244 characters, expected at most 10240"),
    ],
)
def test_a_bad_rule_is_refused_with_its_position(rule: str, message: str) -> None:
    with pytest.raises(AlarmRefusedError) as raised:
        parse_composite_rule(rule)
    assert ("ValidationError", message) == (raised.value.code, str(raised.value))
