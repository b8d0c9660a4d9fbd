"""Logs are one JSON object per line, hold no payload, and cannot be flooded from outside."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from detector.core import notices
from detector.core.safe_text import escape_controls
from detector.core.vocabulary import (
    ActionKind,
    AlarmState,
    DeadLetterReason,
    Decision,
    Loss,
    OutcomeState,
    Refusal,
)
from detector.kafka.bulk_transport.consumer import BulkConsumer
from detector.telemetry.logs import LogListener, configure_logging


class ManualTime:
    """Seconds that move only when set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """JSON logging of the whole process into a text, put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    text = io.StringIO()
    configure_logging("info", "json", text)
    yield text
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def moved(
    state: AlarmState, sentence: str = "host h3 owns 80 % of the faults"
) -> notices.AlarmMoved:
    return notices.AlarmMoved("r66", "r66|fleet:shop|h3", "fleet:shop", state, 1.23456, sentence)


def dead_letter(reason: DeadLetterReason) -> notices.RecordDeadLettered:
    return notices.RecordDeadLettered(reason, "logs", 0, 1)


def test_a_line_says_when_how_bad_who_and_what(stream: io.StringIO) -> None:
    structlog.stdlib.get_logger("detector").info("ready", partitions=4)
    (line,) = lines(stream)
    assert line.pop("time").endswith("Z")
    assert {"level": "info", "logger": "detector", "event": "ready", "partitions": 4} == line


def test_libraries_log_in_the_same_form(stream: io.StringIO) -> None:
    logging.getLogger("some.library").warning("lost %s of %d", "x", 3, extra={"node": 1})
    (line,) = lines(stream)
    assert ("lost x of 3", "some.library", "warning", 1) == (
        line["event"],
        line["logger"],
        line["level"],
        line["node"],
    )


def test_the_host_framework_is_quiet_below_warning(stream: io.StringIO) -> None:
    logging.getLogger("faust.worker").info("chatter")
    logging.getLogger("aiokafka.consumer").info("chatter")
    logging.getLogger(BulkConsumer.__module__).info("[^--BulkConsumer]: Starting...")
    logging.getLogger("aiokafka").warning("trouble")
    assert ["trouble"] == [line["event"] for line in lines(stream)]


def test_an_exception_stays_on_its_line(stream: io.StringIO) -> None:
    try:
        int("boom")
    except ValueError:
        structlog.stdlib.get_logger("detector").exception("failed")
    (line,) = lines(stream)
    assert "ValueError: invalid literal" in line["exception"]


def test_a_line_break_in_a_name_does_not_make_a_line(stream: io.StringIO) -> None:
    LogListener(ManualTime())(moved(AlarmState.ALARM, 'x\n{"event": "forged"}'))
    assert 1 == len(stream.getvalue().splitlines())


def test_a_name_cannot_steer_a_terminal_that_shows_the_log(stream: io.StringIO) -> None:
    hostile = "h\x1b[2J\x9b31m\u202e\u2028x"
    LogListener(ManualTime())(moved(AlarmState.ALARM, hostile))
    assert escape_controls(stream.getvalue().rstrip("\n")) == stream.getvalue().rstrip("\n")
    assert hostile == lines(stream)[0]["sentence"]


def test_values_that_json_does_not_know_are_shown_somehow(stream: io.StringIO) -> None:
    structlog.stdlib.get_logger("detector").info("odd", value=object)
    assert "<class 'object'>" == lines(stream)[0]["value"]


def test_lines_for_people_hold_no_escape_sequences(stream: io.StringIO) -> None:
    text = io.StringIO()
    configure_logging("info", "console", text)
    structlog.stdlib.get_logger("detector").warning("seen", name="\x1b[2Jgone", count=3)
    assert "\x1b" not in text.getvalue()
    assert "gone" in text.getvalue()
    assert "count" in text.getvalue()


def test_moves_decisions_and_outcomes_are_logged(stream: io.StringIO) -> None:
    listener = LogListener(ManualTime())
    listener(moved(AlarmState.PENDING))
    listener(moved(AlarmState.ALARM))
    kind = ActionKind.REPLACE_HOST
    listener(notices.ActionDecided(kind, Decision.GRANTED, None, "a1", "yes"))
    listener(notices.ActionDecided(kind, Decision.REFUSED, Refusal.COOL_DOWN, "a2", "no"))
    listener(notices.OutcomeRecorded(kind, OutcomeState.SUCCEEDED, "a1", "", 0.5))
    listener(notices.OutcomeRecorded(kind, OutcomeState.FAILED, "a1", "timeout", 0.5))
    expected = [
        ("alarm_moved", "info"),
        ("alarm_moved", "warning"),
        ("action_decided", "warning"),
        ("action_decided", "info"),
        ("outcome_recorded", "info"),
        ("outcome_recorded", "error"),
    ]
    found = lines(stream)
    assert expected == [(line["event"], line["level"]) for line in found]
    assert ("r66|fleet:shop|h3", 1.235) == (found[0]["alarm_id"], found[0]["delay_seconds"])
    assert ("granted", None) == (found[2]["verdict"], found[2]["refusal"])
    assert "cool_down" == found[3]["refusal"]


def test_the_kill_switch_is_logged_when_it_changes(stream: io.StringIO) -> None:
    listener = LogListener(ManualTime())
    for engaged in (True, True, False, False):
        listener(notices.KillSwitchRead(engaged=engaged, known=True))
    assert [True, False] == [line["engaged"] for line in lines(stream)]


def test_a_flood_of_bad_records_is_one_line_in_ten_seconds(stream: io.StringIO) -> None:
    time = ManualTime()
    listener = LogListener(time)
    for _ in range(1000):
        listener(dead_letter(DeadLetterReason.BAD_JSON))
    listener(dead_letter(DeadLetterReason.BAD_TIME))
    time.seconds = 9.9
    listener(dead_letter(DeadLetterReason.BAD_JSON))
    time.seconds = 10.0
    listener(dead_letter(DeadLetterReason.BAD_JSON))
    expected = [("bad_json", 1), ("bad_time", 1), ("bad_json", 1001)]
    assert expected == [(line["reason"], line["count"]) for line in lines(stream)]


def test_what_was_counted_is_logged_at_the_end(stream: io.StringIO) -> None:
    listener = LogListener(ManualTime())
    listener(notices.EventsLost(Loss.LATE, 5))
    listener(notices.EventsLost(Loss.LATE, 7))
    listener(notices.TallyReceived("unreadable"))
    listener.flush()
    listener.flush()
    expected = [("events_lost", 5), ("tally_records_refused", 1), ("events_lost", 7)]
    assert expected == [(line["event"], line["count"]) for line in lines(stream)]


def test_what_is_normal_is_left_to_the_metrics(stream: io.StringIO) -> None:
    listener = LogListener(ManualTime())
    listener(notices.RecordsConsumed("logs", 1000))
    listener(notices.TallyReceived("applied"))
    listener(notices.WindowEvaluated(1, 0.1, True, 0.1))
    assert [] == lines(stream)
