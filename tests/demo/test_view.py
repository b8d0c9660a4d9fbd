"""What the screen shows: the right rows in the right places, nothing foreign unescaped."""

import io

import msgspec
import pytest
from rich.console import Console

from detector.core.vocabulary import AlarmState, Refusal
from detector.decisions.config import DecideConfig
from detector.demo.screen import ScreenView, draw
from detector.demo.state import DemoState
from detector.demo.view import running, setting_up
from detector.detection.alarms import Target
from tests.demo.builders import (
    BLAMED,
    FLEET,
    SCRIPT,
    TOPICS,
    action,
    alarm,
    at,
    decision,
    outcome,
    report,
    target,
)

HOST = target(BLAMED.host_zone, BLAMED.host)
ZONE = target(BLAMED.zone)
SECOND = target(BLAMED.second_zone)
SERVICE = next(host.service for host in FLEET.hosts if host.host_id == BLAMED.host)
BUCKET = DecideConfig().fleet_bucket
HINTS = ("tail the topics:", "kcat -F kcat.conf")


def lived_through() -> DemoState:
    """State after host alarm, zone alarm, their actions, and a refusal."""
    state = DemoState(SCRIPT, TOPICS)
    shares = {(BLAMED.host_zone, BLAMED.host): 0.84}
    shares |= {
        (host.zone.zone_id, host.host_id): 0.16 / 59
        for host in FLEET.hosts
        if host.service == SERVICE and host.host_id != BLAMED.host
    }
    for topic, record in (
        (TOPICS.reports, report(shares=shares)),
        (TOPICS.alarms, alarm(HOST)),
        (TOPICS.alarms, alarm(ZONE)),
        (TOPICS.alarms, alarm(SECOND, AlarmState.PENDING)),
        (TOPICS.actions, action(HOST)),
        (TOPICS.actions, action(ZONE)),
        (TOPICS.decisions, decision(HOST)),
        (TOPICS.decisions, decision(SECOND, Refusal.ANOTHER_ZONE_IS_AWAY)),
        (TOPICS.outcomes, outcome(HOST)),
    ):
        state.apply(topic, msgspec.json.encode(record), at(66.0))
    return state


def view_of(state: DemoState, seconds: float = 100.0) -> ScreenView:
    return running(state, FLEET, BUCKET, HINTS, at(seconds))


def drawn(view: ScreenView, width: int, height: int, *, no_color: bool = False) -> list[str]:
    """Lines of the screen as a terminal of that size would get them, with styles."""
    out = io.StringIO()
    console = Console(
        file=out, width=width, height=height, force_terminal=True, no_color=no_color, _environ={}
    )
    console.print(draw(view, console), end="")
    return out.getvalue().splitlines()


def plain(view: ScreenView, width: int, height: int) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, height=height, _environ={})
    console.print(draw(view, console), end="")
    return out.getvalue().splitlines()


def test_every_zone_shows_its_share_and_its_worst_hosts_first() -> None:
    zones = {zone.name.split()[0]: zone for zone in view_of(lived_through()).zones}
    assert {zone.zone_id for zone in FLEET.zones} == set(zones)
    (checkout,) = zones[BLAMED.host_zone].services
    assert (BLAMED.host, 0.84) == (checkout.hosts[0].host, checkout.hosts[0].share)
    assert checkout.share == pytest.approx(0.84 + 19 * 0.16 / 59)
    assert 1.0 == pytest.approx(sum(zone.services[0].share for zone in zones.values()))


def test_a_zone_shows_that_it_is_away_or_what_its_alarm_says() -> None:
    states = {zone.name.split()[0]: zone.state for zone in view_of(lived_through()).zones}
    assert {BLAMED.zone: "away", BLAMED.second_zone: "pending", BLAMED.host_zone: ""} == states


def test_alarms_come_before_pending_ones_and_those_that_ended() -> None:
    state = lived_through()
    for record in (
        alarm(HOST, AlarmState.OK, previous=AlarmState.ALARM),
        alarm(target(BLAMED.host_zone), AlarmState.OK, previous=AlarmState.PENDING),
    ):
        state.apply(TOPICS.alarms, msgspec.json.encode(record), at(90.0))
    assert ["alarm", "pending", "ok"] == [entry.word for entry in view_of(state).alarms]


def test_decisions_come_newest_first_with_the_reason() -> None:
    refused, granted = view_of(lived_through()).decisions
    assert ("refused", "granted") == (refused.word, granted.word)
    assert refused.reason.startswith("another_zone_is_away: ")


def test_the_budget_shows_what_is_left_and_which_zone_is_away() -> None:
    assert (
        "checkout 1.0/2 tokens 1/1 hosts",
        f"zones away: {BLAMED.zone}, at most 1",
    ) == view_of(lived_through()).budget
    untouched = view_of(DemoState(SCRIPT, TOPICS)).budget
    assert untouched == ("untouched: 2 actions per service,", "one more every 600 s")


def test_one_phase_at_a_time_is_the_current_one() -> None:
    state = DemoState(SCRIPT, TOPICS)
    for second in range(0, 300, 5):
        progress = [phase.progress for phase in view_of(state, second).phases]
        assert progress == sorted(progress, reverse=True)
        assert progress.count(0) <= 1
    assert [1, 1, 1, 1, 0] == progress


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (140, 45)])
def test_the_screen_fills_the_terminal_and_never_overflows(width: int, height: int) -> None:
    for view in (view_of(lived_through()), view_of(DemoState(SCRIPT, TOPICS), 1.0)):
        lines = plain(view, width, height)
        assert height == len(lines)
        assert max(map(len, lines)) <= width


@pytest.mark.parametrize(("width", "height"), [(100, 30), (140, 45)])
def test_what_matters_is_readable_on_a_usual_terminal(width: int, height: int) -> None:
    text = "\n".join(plain(view_of(lived_through()), width, height))
    for part in (BLAMED.host, "84%", "another_zone_is_away", "AWAY", "zones away", *HINTS):
        assert part in text


def test_set_up_shows_its_steps_and_nothing_else() -> None:
    steps = [("embedded broker", "ok"), ("topics", "..."), ("worker", "")]
    text = "\n".join(plain(setting_up(7, steps, 3.0), 100, 30))
    assert "ok  embedded broker" in text
    assert "... topics" in text
    assert "decisions" not in text


def test_without_colour_nothing_but_weight_is_styled() -> None:
    lines = "".join(drawn(view_of(lived_through()), 100, 30, no_color=True))
    codes = {code for part in lines.split("\x1b[")[1:] for code in part.split("m")[0].split(";")}
    assert codes <= {"0", "1", "2", "3", "7"}
    coloured = "".join(drawn(view_of(lived_through()), 100, 30))
    assert "\x1b[1;31m" in coloured


def test_names_from_records_are_neither_markup_nor_control_sequences() -> None:
    state = lived_through()
    evil = Target("[red]check\x1b[2J", "az\x07", "az\x07", "", "[/]\nhost")
    table = report(ended=70.0, shares={(BLAMED.zone, "\x1b]0;owned\x07[bold]"): 1.0})
    for topic, record in (
        (TOPICS.alarms, alarm(evil, sentence="[bold]\x1b[31m\rgone")),
        (TOPICS.decisions, decision(evil)),
        (TOPICS.actions, action(evil)),
        (TOPICS.outcomes, outcome(evil)),
        (TOPICS.reports, table),
    ):
        state.apply(topic, msgspec.json.encode(record), at(76.0))
    lines = plain(view_of(state), 200, 60)
    assert all(line.isprintable() for line in lines)
    assert r"[bold]\x1b[31m\rgone" in "\n".join(lines)
    assert r"\x1b]0;owned\x07[bold]" in "\n".join(lines)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (140, 45)])
def test_a_long_sentence_shortens_neither_time_nor_word(width: int, height: int) -> None:
    state = lived_through()
    long = alarm(HOST, sentence="host " + "owns most of the faults " * 20, changed_at=2**42)
    state.apply(TOPICS.alarms, msgspec.json.encode(long), at(66.0))
    lines = plain(view_of(state), width, height)
    assert 1 == sum(" 01:06 alarm " in line and "host owns" in line for line in lines)
    assert 1 == sum(" 01:06 accepted replace host" in line for line in lines)
