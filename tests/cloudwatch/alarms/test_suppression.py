"""Suppression: the table, the documented courses, and a simulation second by second."""

import random

import pytest

from detector.cloudwatch.alarms.alarm_model import Suppressor
from detector.cloudwatch.alarms.m_of_n import StateValue
from detector.cloudwatch.alarms.suppression import (
    SETS_DEADLINE,
    TRANSITIONS,
    Hold,
    Suppression,
    SuppressionInput,
    suppression_after,
    suppression_words,
)

OK, ALARM = StateValue.OK, StateValue.ALARM
BY = Suppressor("deploy-runs", wait_ms=3_000, extension_ms=2_000)


def drawing() -> str:
    """The drawing of the docstring, made from the table."""
    marks = {Hold.FREE: "free", Hold.WAITING: "waiting"} | {
        Hold.SUPPRESSED: "suppressed",
        Hold.EXTENDED: "extended",
    }
    lines = [f"{'':12}" + "".join(f"{signal.value.upper():{w}}" for signal, w in WIDTHS.items())]
    for hold, row in TRANSITIONS.items():
        cells = []
        for signal in SuppressionInput:
            cell = marks[row[signal]] if signal in row else "-"
            cell += "!" if (hold, signal) in SETS_DEADLINE else ""
            cell += "*" if signal is SuppressionInput.EXPIRED and signal in row else ""
            cells.append(f"{cell:{WIDTHS[signal]}}")
        lines.append(f"{marks[hold]:12}" + "".join(cells))
    return "\n".join(f"    {line.rstrip()}" for line in lines)


WIDTHS = {
    SuppressionInput.EXPIRED: 9,
    SuppressionInput.SUPPRESSOR: 12,
    SuppressionInput.CHANGED: 12,
    SuppressionInput.QUIET: 10,
}


def test_the_drawing_is_that_of_the_table() -> None:
    from detector.cloudwatch.alarms import suppression  # noqa: PLC0415 - for its docstring

    assert drawing() in (suppression.__doc__ or "")


def course(composite: str, suppressor: str, by: Suppressor = BY) -> str:
    """States second by second (``A`` is ALARM); returns what is acted on in each, ``.`` nothing."""
    held = Suppression(acted=OK)
    state, acted = OK, []
    for second, (now, on) in enumerate(zip(composite, suppressor, strict=True)):
        after = ALARM if now == "A" else OK
        held, acts = suppression_after(
            held,
            by,
            before=state,
            after=after,
            suppressor_in_alarm=on == "A",
            at_ms=second * 1000,
        )
        state = after
        acted.append("".join(each.value[0] for each in acts) or ".")
    return " ".join(acted)


@pytest.mark.parametrize(
    ("what", "composite", "suppressor", "acted"),
    [
        ("the suppressor never fires", "oAAAAAA", "ooooooo", ". . . . A . ."),
        ("the suppressor fires in time", "oAAAAAAA", "ooAAAooo", ". . . . . . . A"),
        ("all is over before the hold", "oAAAoooo", "ooAAAooo", ". . . . . . . ."),
        ("a flip restarts the wait", "oAAoAAAA", "oooooooo", ". . . . . . . A"),
        ("a flip back is not published", "oAoooooo", "oooooooo", ". . . . . . . ."),
        ("a move while suppressed", "ooAAAAAo", "oAAAoooo", ". . . . . . A ."),
        ("the suppressor fires again in the extension", "oAAAAAAAA", "oAAoAAooo", ". " * 8 + "A"),
    ],
)
def test_documented_courses(what: str, composite: str, suppressor: str, acted: str) -> None:
    assert acted.split() == course(composite, suppressor).split(), what


def test_without_waiting_periods_an_action_is_done_at_once() -> None:
    at_once = Suppressor("x", wait_ms=0, extension_ms=0)
    assert course("oAAoo", "ooooo", at_once).split() == list(".A.O.")
    assert course("oAAoo", "oAooo", at_once).split() == list("..AO.")


def simulated(composite: str, suppressor: str, wait: int, extension: int) -> list[str]:
    """The same, computed from the past at each second: the reasons to hold that remain."""
    acted, published = [], "o"
    free_since = 0
    for second in range(len(composite)):
        before = composite[: second + 1]
        # What was due before anything else of this second is done with the state until now.
        line = ""
        state = "o" if second == 0 else before[-2]
        if second and holds(composite, suppressor, wait, extension, second - 1, free_since):
            reasons = holds(
                composite[:second] + state, suppressor[:second] + "o", wait, extension, second,
                free_since,
            )  # fmt: skip
            if suppressor[second - 1] != "A" and not reasons:
                line += state.upper() if state != published else ""
                published, free_since = state, second
        if not holds(composite, suppressor, wait, extension, second, free_since):
            if before[-1] != published:
                line += before[-1].upper()
            published, free_since = before[-1], second
        acted.append(line or ".")
    return acted


def holds(
    composite: str, suppressor: str, wait: int, extension: int, second: int, free_since: int
) -> bool:
    """Whether actions are held in a second: by the suppressor, after it, or waiting for it."""
    if suppressor[second] == "A":
        return True
    past = suppressor[: second + 1]
    if "A" in past[free_since:]:
        left = past.rindex("A") + 1
        return second < left + extension
    states = "o" + composite[: second + 1]
    changes = [at for at in range(free_since, second + 1) if states[at + 1] != states[at]]
    return bool(changes) and second < changes[-1] + wait


def test_random_courses_agree_with_a_simulation(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(2_000):
        composite = "".join(chance.choices("oA", (3, 2), k=25))
        suppressor = "".join(chance.choices("oA", (4, 1), k=25))
        wait, extension = chance.randint(1, 5), chance.randint(1, 5)
        by = Suppressor("x", wait * 1000, extension * 1000)
        expected = simulated(composite, suppressor, wait, extension)
        assert expected == course(composite, suppressor, by).split(), (composite, suppressor, by)


@pytest.mark.parametrize(
    ("hold", "words"),
    [
        (Hold.FREE, ""),
        (Hold.WAITING, "waiting up to 3 s for suppressor alarm deploy-runs"),
        (Hold.SUPPRESSED, "suppressor alarm deploy-runs is in ALARM"),
        (Hold.EXTENDED, "suppressor alarm deploy-runs left ALARM less than 2 s ago"),
    ],
)
def test_it_is_said_why_actions_are_held(hold: Hold, words: str) -> None:
    assert words == suppression_words(Suppression(OK, hold), BY)
