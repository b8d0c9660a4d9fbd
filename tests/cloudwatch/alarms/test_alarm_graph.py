"""Who stands above whom: limits, cycles and orders, against a search of every way."""

import random

import pytest

from detector.cloudwatch.alarms.alarm_graph import PARENTS, AlarmGraph, named_by
from detector.cloudwatch.alarms.validation import AlarmRefusedError
from tests.cloudwatch.alarms.builders import composite_alarm


def graph(**rules: str) -> AlarmGraph:
    made = AlarmGraph()
    for name, rule in rules.items():
        made.put(composite_alarm(name, rule))
    return made


def test_a_suppressor_is_read_like_a_child() -> None:
    alarm = composite_alarm(
        rule="ALARM(a) OR OK(b)",
        ActionsSuppressor="arn:aws:cloudwatch:x:1:alarm:b",
        ActionsSuppressorWaitPeriod=1,
        ActionsSuppressorExtensionPeriod=1,
    )
    assert named_by(alarm) == ("a", "b")


def test_parents_are_who_names_an_alarm() -> None:
    made = graph(b="ALARM(a)", c="ALARM(a) OR ALARM(b)")
    assert (made.parents("a"), made.parents("b"), made.parents("c")) == (["b", "c"], ["c"], [])
    made.put(composite_alarm("c", "ALARM(b)"))
    assert made.parents("a") == ["b"]
    made.drop("b")
    made.drop("nobody")
    assert made.parents("a") == []


def test_everything_above_is_evaluated_after_what_it_names() -> None:
    made = graph(d="ALARM(c) OR ALARM(a)", c="ALARM(b)", b="ALARM(a)", other="ALARM(x)")
    assert made.order(["a"]) == ["b", "c", "d"]
    assert made.order(["c"]) == ["c", "d"]
    assert made.order(["x", "nobody"]) == ["other"]


def test_what_is_on_a_cycle_or_above_one_is_left_out() -> None:
    made = graph(a="ALARM(b)", b="ALARM(a) OR ALARM(x)", c="ALARM(b)", d="ALARM(x)")
    assert made.on_a_cycle() == {"a", "b", "c"}
    assert made.order(["x", "a"]) == ["d"]
    made.put(composite_alarm("a", "FALSE"))
    assert made.order(["x"]) == ["b", "c", "d"]


@pytest.mark.parametrize(
    ("name", "rule", "message"),
    [
        (
            "n",
            "ALARM(zz) AND OK(zz)",
            "AlarmRule or ActionsSuppressor names 'zz', expected alarms that exist",
        ),
        (
            "b",
            "ALARM(d)",
            (
                "AlarmRule closes the cycle 'b' -> 'd' -> 'b', expected none: "
                "change the rule of one of them to FALSE first"
            ),
        ),
    ],
)
def test_what_cannot_be_put_is_refused(name: str, rule: str, message: str) -> None:
    made = graph(b="ALARM(a)", c="ALARM(b) OR ALARM(a)", d="ALARM(c) OR ALARM(b)")
    with pytest.raises(AlarmRefusedError) as raised:
        made.check(composite_alarm(name, rule), dict.fromkeys("abcd"))
    assert message == str(raised.value)


def test_a_diamond_is_no_cycle() -> None:
    made = graph(b="ALARM(a)", c="ALARM(a)", d="ALARM(b) OR ALARM(c)")
    made.check(composite_alarm("e", "ALARM(d) OR ALARM(c) OR ALARM(b)"), dict.fromkeys("abcd"))


def test_the_number_of_parents_is_bounded() -> None:
    made = graph(**{f"c{number}": "ALARM(a)" for number in range(PARENTS)})
    made.check(composite_alarm("c1", "OK(a)"), {"a": None})
    with pytest.raises(AlarmRefusedError, match="alarm 'a' is in 150") as raised:
        made.check(composite_alarm("more", "OK(a)"), {"a": None})
    assert raised.value.code == "LimitExceeded"


def test_random_graphs_agree_with_a_search_of_every_way(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(200):
        names = [f"n{number}" for number in range(7)]
        below = {name: chance.sample([*names, "m"], chance.randint(1, 3)) for name in names}
        made = graph(**{name: " OR ".join(map("ALARM({})".format, below[name])) for name in names})

        def reach(start: str, ways: dict[str, list[str]] = below) -> set[str]:
            found: set[str] = set()
            waiting = [start]
            while waiting:
                for child in ways.get(waiting.pop(), []):
                    if child not in found:
                        found.add(child)
                        waiting.append(child)
            return found

        cyclic = {name for name in names if name in reach(name)}
        stuck = {name for name in names if name in cyclic or reach(name) & cyclic}
        assert stuck == made.on_a_cycle()
        order = made.order(["m"])
        assert set(order) == {name for name in names if "m" in reach(name)} - stuck
        for index, name in enumerate(order):
            assert not set(below[name]) & set(order[index:])
