"""The demo's state follows the public topics and compares them with the script."""

import random

import msgspec
import pytest

from detector.core.vocabulary import AlarmState, OutcomeState, Refusal
from detector.demo.state import KEPT, DemoState, Record
from detector.demo.summary import measured, still_missing, summary
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
OTHER_HOST = next(h for h in FLEET.hosts if h.host_id != BLAMED.host)
ONSET = {phase.name: phase.from_ms / 1000 for phase in SCRIPT.phases}
TOPIC_BY_TYPE = {
    "Report": TOPICS.reports,
    "AlarmChange": TOPICS.alarms,
    "DecisionRecord": TOPICS.decisions,
    "Action": TOPICS.actions,
    "Outcome": TOPICS.outcomes,
}


def fed(*records: tuple[Record, float], state: DemoState | None = None) -> DemoState:
    """State after these records, each read at its second of the script."""
    state = state or DemoState(SCRIPT, TOPICS)
    for record, seconds in records:
        topic = TOPIC_BY_TYPE[type(record).__name__]
        state.apply(topic, msgspec.json.encode(record), at(seconds))
    return state


def test_seconds_count_from_the_onset_of_the_fault_concerned() -> None:
    state = fed(
        (alarm(HOST), 60.0), (outcome(HOST), 61.5), (alarm(ZONE), 121.0), (outcome(ZONE), 122.0)
    )
    state.wrote(260_000, at(123.0))
    assert {
        "seconds_to_host_alarm": round(at(60.0) - ONSET["gray_host"], 1),
        "seconds_to_action": round(at(61.5) - ONSET["gray_host"], 1),
        "seconds_to_zone_alarm": round(at(121.0) - ONSET["gray_zone"], 1),
        "host": BLAMED.host,
        "zone": BLAMED.zone,
        "wrong_actions": 0,
        "events": 260_000,
        "late": 0,
        "dead_letters": 0,
    } == measured(state)
    assert 122.0 == round(state.seen.zone_action - at(0.0), 1)  # type: ignore[operator]


def test_a_state_that_saw_nothing_misses_everything_and_measures_nothing() -> None:
    state = fed()
    assert 3 == len(still_missing(state))
    assert [None, None, None, "", ""] == list(measured(state).values())[:5]


@pytest.mark.parametrize("left_out", range(3))
def test_what_was_not_seen_is_named(left_out: int) -> None:
    records: list[tuple[Record, float]] = [
        (alarm(HOST), 60.0),
        (outcome(HOST), 61.0),
        (alarm(ZONE), 121.0),
    ]
    names = ["an alarm that names host", "an accepted action on host", "a zone alarm that names"]
    del records[left_out]
    missing = still_missing(fed(*records))
    assert [True] == [text.startswith(names[left_out]) for text in missing]


def test_alarms_on_others_and_alarms_that_only_pend_are_not_what_is_waited_for() -> None:
    other = target(OTHER_HOST.zone.zone_id, OTHER_HOST.host_id)
    state = fed(
        (alarm(other), 40.0),
        (alarm(HOST, AlarmState.PENDING), 50.0),
        (alarm(SECOND), 60.0),
        # A contributor rule that counts by zone speaks of a zone too, but is not the zone test.
        (alarm(ZONE, detector="r66", alarm_id="r66|rule:faults-by-zone"), 70.0),
        (alarm(HOST, target=None, alarm_id="r66|rule:faults-by-host"), 70.0),
    )
    assert 3 == len(still_missing(state))
    assert (OTHER_HOST.host_id, BLAMED.second_zone) == (state.host, state.zone)


def test_the_first_sighting_counts() -> None:
    state = fed((alarm(HOST), 60.0), (alarm(HOST), 90.0), (outcome(HOST), 61.0))
    state = fed((outcome(HOST, OutcomeState.SUCCEEDED), 99.0), state=state)
    assert (at(60.0), at(61.0)) == (state.seen.host_alarm, state.seen.host_action)


@pytest.mark.parametrize("state", [OutcomeState.REFUSED, OutcomeState.FAILED])
def test_an_action_that_no_executor_took_is_not_seen(state: OutcomeState) -> None:
    assert fed((outcome(HOST, state), 61.0)).seen.host_action is None


def test_an_action_is_wrong_unless_the_script_blames_its_target() -> None:
    wrong = [
        SECOND,
        target(BLAMED.host_zone),
        target(OTHER_HOST.zone.zone_id, OTHER_HOST.host_id),
        Target("search", "elsewhere", "elsewhere", "", ""),
    ]
    right = [HOST, ZONE, target(BLAMED.zone, service="search")]
    state = fed(*((action(who), 70.0) for who in [*wrong, *right, *wrong]))
    assert (len(wrong), len(wrong) + len(right)) == (state.wrong_actions, len(state.actions))


def test_the_refusal_of_the_second_zone_is_seen_for_its_reason_alone() -> None:
    state = fed((decision(SECOND, Refusal.NOT_CONFIRMED), 200.0))
    assert state.seen.second_zone_refused is None
    state = fed((decision(ZONE, Refusal.ANOTHER_ZONE_IS_AWAY), 210.0), state=state)
    assert state.seen.second_zone_refused is None
    refusal = decision(SECOND, Refusal.ANOTHER_ZONE_IS_AWAY, attempt=2)
    state = fed((refusal, 220.0), (refusal, 230.0), state=state)
    assert (at(220.0), 3) == (state.seen.second_zone_refused, len(state.decisions))


def test_late_events_are_counted_once_per_window_whichever_report_has_them() -> None:
    """Each of the two tables of a window tells of the same late events; windows add up."""
    state = fed(
        (report(ended=60.0, late=3), 66.0),
        (report("rule:faults-by-zone", ended=60.0, late=3), 66.0),
        (report("fleet:search", ended=70.0, late=0), 76.0),
        (report(ended=70.0, late=2), 76.5),
        (report(ended=60.0, late=3), 80.0),
    )
    assert 5 == state.late


def test_the_delay_is_from_the_windows_end_to_its_first_report() -> None:
    state = fed((report(ended=60.0), 66.5), (report("fleet:search", ended=60.0), 69.0))
    assert state.delay_seconds == pytest.approx(6.5, abs=1e-3)


def test_the_newest_table_of_each_service_is_kept_and_no_other() -> None:
    state = fed(
        (report(ended=70.0), 76.0),
        (report(ended=60.0), 77.0),
        (report("fleet:search", ended=60.0), 77.0),
        (report("rule:faults-by-caller", ended=80.0), 86.0),
    )
    ends = {service: kept.window_end for service, kept in state.reports.items()}
    assert {"checkout": round(at(70.0) * 1000), "search": round(at(60.0) * 1000)} == ends


def test_an_older_change_of_an_alarm_that_is_read_again_is_no_news() -> None:
    newer = alarm(HOST, AlarmState.OK, changed_at=2)
    state = fed((newer, 70.0), (alarm(HOST, changed_at=1), 71.0))
    assert [newer] == [change for change, _ in state.alarms.values()]


def test_what_cannot_be_read_is_counted_and_changes_nothing_else() -> None:
    state = DemoState(SCRIPT, TOPICS)
    for value in (b"", b"{}", b"\xff\xfe", b'{"schema": 1}'):
        assert state.apply(TOPICS.actions, value, at(1.0)) is None
    assert (4, 0) == (state.unreadable, len(state.actions))
    state.apply(TOPICS.dead_letters, b"anything \xff", at(1.0))
    assert (4, 1) == (state.unreadable, state.dead_letters)


def test_what_is_kept_is_bounded(seed: int) -> None:
    chance = random.Random(seed)
    state = DemoState(SCRIPT, TOPICS)
    for number in range(3 * KEPT):
        who = Target("checkout", BLAMED.zone, BLAMED.zone, "", f"host-{number}")
        fed(
            (alarm(who), chance.random()),
            (decision(who), chance.random()),
            (outcome(who), chance.random()),
            state=state,
        )
        state.wrote(number, at(number / 100))
    assert [KEPT] * 3 == [len(state.alarms), len(state.decisions), len(state.outcomes)]


def test_throughput_is_that_of_the_last_five_seconds() -> None:
    state = DemoState(SCRIPT, TOPICS)
    assert state.events_per_second == 0.0
    state.wrote(0, at(0.0))
    assert state.events_per_second == 0.0
    for second in range(1, 31):
        state.wrote(1000 * min(second, 20) + 2000 * max(0, second - 20), at(second))
    assert state.events_per_second == pytest.approx(2000.0)


def test_the_summary_tells_what_was_seen_and_leaves_out_what_was_not() -> None:
    state = fed((alarm(HOST), 60.0), (action(SECOND), 61.0))
    refused = decision(SECOND, Refusal.ANOTHER_ZONE_IS_AWAY)
    state = fed((refused, 220.0), state=state)
    first, second = 60.0 + at(0.0) - ONSET["gray_host"], 220.0 + at(0.0) - ONSET["second_gray_zone"]
    assert [
        f"{first:5.1f} s after its onset: alarm on host {BLAMED.host}",
        f"{second:5.1f} s after its onset: refusal to shift away from {BLAMED.second_zone}",
        "0 events, 0 late, 0 dead letters, 1 wrong actions",
    ] == summary(state)
