"""The plain lines tell what happened, in one line each, and let no control character through."""

import msgspec
import pytest

from detector.core.vocabulary import AlarmState, Refusal
from detector.demo.lines import (
    HEALTHY,
    KCAT_CONFIG,
    clock,
    heartbeat,
    kcat_lines,
    reason_text,
    sentence,
    story,
)
from detector.demo.state import DemoState
from detector.detection.alarms import Target
from tests.demo.builders import (
    BLAMED,
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
EVIL = Target("check\x1b[2Jout", "az\n1", "az\n1", "", "i-\u202e0")


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-1.0, "00:00"), (59.9, "00:59"), (61.0, "01:01"), (6000.0, "100:00")]
)
def test_time_is_shown_as_minutes_and_seconds(seconds: float, shown: str) -> None:
    assert shown == clock(seconds)


def test_the_story_follows_the_script() -> None:
    state = DemoState(SCRIPT, TOPICS)
    assert HEALTHY == story(state, at(0.0))
    for phase in SCRIPT.phases:
        assert phase.story == story(state, phase.from_ms / 1000)
    after = [story(state, phase.until_ms / 1000 + 1.0) for phase in SCRIPT.phases]
    for line, name in zip(after, (BLAMED.host, BLAMED.zone, BLAMED.second_zone), strict=True):
        assert line.startswith("healthy again")
        assert name in line


def test_a_refusal_names_the_check_that_failed() -> None:
    refused = decision(target(BLAMED.second_zone), Refusal.ANOTHER_ZONE_IS_AWAY)
    assert "another_zone_is_away: saw use1-az9; demanded none away" == reason_text(refused)
    line = sentence(refused)
    assert line == (
        f"refused  shift away from {BLAMED.second_zone} (checkout), because "
        "another_zone_is_away: saw use1-az9; demanded none away"
    )


def test_a_grant_names_its_evidence() -> None:
    line = sentence(decision(HOST))
    assert line == (
        f"granted  replace host {BLAMED.host} in {BLAMED.host_zone} (checkout): "
        "all 1 checks passed, 251 excess faults"
    )


def test_alarms_that_were_never_raised_and_reports_have_no_line() -> None:
    quiet = alarm(HOST, AlarmState.OK, previous=AlarmState.PENDING)
    assert ["", ""] == [sentence(quiet), sentence(report())]
    ended = alarm(HOST, AlarmState.OK, previous=AlarmState.ALARM)
    assert sentence(ended).startswith("ok ")


def test_control_characters_of_producers_never_reach_the_terminal() -> None:
    evil_alarm = alarm(EVIL, sentence="a\x1b]0;owned\x07 b\r\nc")
    state = DemoState(SCRIPT, TOPICS)
    lines = [sentence(each) for each in (evil_alarm, decision(EVIL), action(EVIL), outcome(EVIL))]
    bad = report(shares={("az\n1", "\x1b[31mred"): 1.0})
    state.apply(TOPICS.reports, msgspec.json.encode(bad), at(66.0))
    lines.append(heartbeat(state))
    for line in lines:
        assert line
        assert line.isprintable()


def test_the_heartbeat_names_the_worst_host_of_each_service() -> None:
    state = DemoState(SCRIPT, TOPICS)
    table = report(shares={(BLAMED.host_zone, BLAMED.host): 0.84})
    state.apply(TOPICS.reports, msgspec.json.encode(table), at(66.0))
    state.apply(TOPICS.dead_letters, b"x", at(66.0))
    assert (
        "0 events/s; 0 written; newest window came 6.0 s after its end; 0 late, 1 dead letters; "
        f"checkout: {BLAMED.host_zone}/{BLAMED.host} has 84% of 300 faults"
    ) == heartbeat(state)


def test_every_public_topic_of_one_partition_can_be_tailed() -> None:
    one = {spec.name for spec in TOPICS.specs() if spec.partitions == 1}
    lines = kcat_lines(TOPICS, "kcat.conf")
    assert 4 == len(lines)
    for line in lines:
        words = line.split()
        assert words[words.index("-t") + 1] in one
    assert "bootstrap.servers=127.0.0.1:1\n" in KCAT_CONFIG.format(broker="127.0.0.1:1")
