"""Metrics follow the notices, keep to the conventions, and never grow with the fleet."""

import subprocess
from typing import get_args

import pytest
from prometheus_client import generate_latest

from detector.core import notices
from detector.core.vocabulary import (
    ActionKind,
    AlarmState,
    DeadLetterReason,
    Decision,
    Envelope,
    HistoryTrouble,
    Loss,
    OutcomeState,
    Refusal,
    ReportResult,
    TimeSource,
)
from detector.telemetry.metrics import Metrics
from tests.support import neighbours


def text_of(metrics: Metrics) -> str:
    return generate_latest(metrics.registry).decode()


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def series(metrics: Metrics) -> set[str]:
    return {
        line.rpartition(" ")[0]
        for line in text_of(metrics).splitlines()
        if line.startswith("detector_")
    }


def alarm(number: int, state: AlarmState, detector: str = "r66") -> notices.AlarmMoved:
    return notices.AlarmMoved(
        detector=detector,
        alarm_id=f"{detector}|fleet:shop|host-{number}",
        subject="fleet:shop",
        state=state,
        delay_seconds=1.5,
        sentence=f"host-{number} owns the faults",
    )


def one_of_each(number: int) -> list[notices.Notice]:
    """Return a notice of every kind, about host ``number``."""
    return [
        notices.RecordsConsumed("logs", 3),
        notices.RecordsDecoded(Envelope.EMF, "event", 2),
        notices.TimesRead(TimeSource.EMF, 2),
        notices.EventsLost(Loss.LATE, 1),
        notices.EventsUnattributed(1),
        notices.RecordDeadLettered(DeadLetterReason.BAD_JSON, "logs", 0, number),
        notices.PanesTallied("watermark", 1),
        notices.WatermarkMoved("logs", 1_700_000_000_500),
        notices.TallyReceived("applied"),
        notices.WindowEvaluated(5, 0.004, True, 0.2),
        notices.ContributorsUntracked(3),
        alarm(number, AlarmState.ALARM),
        notices.ActionDecided(
            ActionKind.REPLACE_HOST, Decision.REFUSED, Refusal.BUDGET_SPENT, f"id-{number}", "no"
        ),
        notices.BudgetLevel("fleet", 1.5, 2.0),
        notices.KillSwitchRead(engaged=False, known=True),
        notices.OutcomeRecorded(
            ActionKind.REPLACE_HOST, OutcomeState.SUCCEEDED, f"id-{number}", "", 0.2
        ),
        notices.RulesRead(5, 3, 1),
        notices.RuleChangeRead("r", "put", "v1", 0, None, 6),
        notices.TallyingHeld(held=True),
        notices.RuleFlooded("r", "v1", flooding=True, rules=1),
        notices.ReportsKept(ReportResult.STORED, 4),
        notices.HistoryTroubled(HistoryTrouble.FILE_FAILED, "disk full"),
    ]


def test_every_kind_of_notice_is_counted() -> None:
    sent = one_of_each(1)
    assert set(get_args(notices.Notice)) == {type(notice) for notice in sent}
    metrics = Metrics(topics=["logs"])
    for notice in sent:
        before = text_of(metrics)
        metrics(notice)
        assert before != text_of(metrics), notice


def test_figures_are_those_of_the_notices() -> None:
    metrics = Metrics(topics=["logs"])
    for number in (1, 2):
        for notice in one_of_each(number):
            metrics(notice)
    expected: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {
        ("detector_records_consumed_total", (("topic", "logs"),)): 6,
        ("detector_records_decoded_total", (("envelope", "emf"), ("outcome", "event"))): 4,
        ("detector_event_times_total", (("source", "emf"),)): 4,
        ("detector_events_lost_total", (("reason", "late"),)): 2,
        ("detector_records_late_total", ()): 2,
        ("detector_records_duplicate_total", ()): 0,
        ("detector_events_unplaced_total", ()): 2,
        ("detector_dead_letters_total", (("reason", "bad_json"),)): 2,
        ("detector_panes_tallied_total", (("closed_by", "watermark"),)): 2,
        ("detector_watermark_timestamp_seconds", (("topic", "logs"),)): 1_700_000_000.5,
        ("detector_tally_records_total", (("outcome", "applied"),)): 2,
        ("detector_rule_evaluations_total", (("result", "complete"),)): 10,
        ("detector_rule_evaluation_duration_seconds_count", ()): 2,
        ("detector_window_delay_seconds_sum", ()): 0.4,
        ("detector_contributors_unfollowed_total", ()): 6,
        ("detector_history_reports_total", (("fate", "stored"),)): 8,
        ("detector_history_reports_total", (("fate", "duplicate"),)): 0,
        ("detector_history_troubles_total", (("trouble", "file_failed"),)): 2,
        ("detector_alarms_active", (("detector", "r66"),)): 2,
        ("detector_alarm_transitions_total", (("detector", "r66"), ("to", "alarm"))): 2,
        ("detector_detection_delay_seconds_sum", ()): 3.0,
        ("detector_actions_proposed_total", (("kind", "replace_host"),)): 2,
        (
            "detector_actions_decided_total",
            (("kind", "replace_host"), ("decision", "refused"), ("reason", "budget_spent")),
        ): 2,
        ("detector_action_budget_tokens", (("scope", "fleet"),)): 1.5,
        ("detector_action_budget_capacity", (("scope", "fleet"),)): 2.0,
        ("detector_kill_switch_engaged", ()): 0,
        ("detector_kill_switch_known", ()): 1,
        (
            "detector_action_outcomes_total",
            (("kind", "replace_host"), ("outcome", "succeeded")),
        ): 2,
        ("detector_action_duration_seconds_count", (("kind", "replace_host"),)): 2,
    }
    for (name, labels), wanted in expected.items():
        assert wanted == value(metrics, name, **dict(labels)), name


def test_duplicates_are_counted_under_both_names() -> None:
    metrics = Metrics()
    metrics(notices.EventsLost(Loss.DUPLICATE, 4))
    metrics(notices.EventsLost(Loss.FUTURE, 2))
    assert 4 == value(metrics, "detector_records_duplicate_total")
    assert 4 == value(metrics, "detector_events_lost_total", reason="duplicate")
    assert 2 == value(metrics, "detector_events_lost_total", reason="future")
    assert 0 == value(metrics, "detector_records_late_total")


def test_ten_thousand_hosts_add_no_series() -> None:
    """What is exported is fixed at the start, and names no host."""
    metrics = Metrics(topics=["logs"])
    before = series(metrics)
    for number in range(10_000):
        for notice in one_of_each(number):
            metrics(notice)
    assert before == series(metrics)
    assert "host-" not in text_of(metrics)
    assert 10_000 == value(metrics, "detector_alarms_active", detector="r66")


def test_every_known_label_starts_at_zero() -> None:
    metrics = Metrics()
    for reason in DeadLetterReason:
        assert 0 == value(metrics, "detector_dead_letters_total", reason=reason)
    for refusal in Refusal:
        labels = {"kind": "shift_away", "decision": "refused", "reason": refusal.value}
        assert 0 == value(metrics, "detector_actions_decided_total", **labels)
    labels = {"kind": "shift_away", "decision": "granted", "reason": "none"}
    assert 0 == value(metrics, "detector_actions_decided_total", **labels)


def test_a_kill_switch_that_is_not_known_counts_as_engaged() -> None:
    metrics = Metrics()
    assert 1 == value(metrics, "detector_kill_switch_engaged")
    metrics(notices.KillSwitchRead(engaged=False, known=True))
    assert 0 == value(metrics, "detector_kill_switch_engaged")
    metrics(notices.KillSwitchRead(engaged=False, known=False))
    assert 1 == value(metrics, "detector_kill_switch_engaged")
    assert 0 == value(metrics, "detector_kill_switch_known")


def test_an_alarm_that_ends_is_no_longer_active() -> None:
    metrics = Metrics()
    metrics(alarm(1, AlarmState.ALARM))
    metrics(alarm(1, AlarmState.ALARM))
    metrics(alarm(2, AlarmState.PENDING))
    assert 1 == value(metrics, "detector_alarms_active", detector="r66")
    metrics(alarm(1, AlarmState.INSUFFICIENT_DATA))
    assert 0 == value(metrics, "detector_alarms_active", detector="r66")


def test_restored_alarms_replace_what_was_known() -> None:
    metrics = Metrics()
    metrics(alarm(1, AlarmState.ALARM))
    metrics.set_active_alarms({"zone": {"a", "b"}})
    assert 0 == value(metrics, "detector_alarms_active", detector="r66")
    assert 2 == value(metrics, "detector_alarms_active", detector="zone")


def test_names_that_were_not_announced_count_as_other() -> None:
    metrics = Metrics(topics=["logs"])
    metrics(notices.RecordsConsumed("surprise", 5))
    metrics(alarm(1, AlarmState.ALARM, detector="surprise"))
    assert 5 == value(metrics, "detector_records_consumed_total", topic="other")
    assert 1 == value(metrics, "detector_alarms_active", detector="other")


def test_lag_is_shown_as_sum_and_as_worst() -> None:
    metrics = Metrics(topics=["logs"])
    metrics.set_consumer_lag("logs", [3, 0, 9])
    assert 12 == value(metrics, "detector_consumer_lag_records", topic="logs")
    assert 9 == value(metrics, "detector_consumer_lag_max_records", topic="logs")
    metrics.set_consumer_lag("logs", [])
    assert 0 == value(metrics, "detector_consumer_lag_max_records", topic="logs")


def test_what_runs_is_shown_as_labels_of_one() -> None:
    build = {"version": "1", "revision": "abc", "python": "3.11", "faust": "0.15"}
    metrics = Metrics(build=build, config_hash="feed", dry_run=True)
    assert 1 == value(metrics, "detector_build_info", **build)
    assert 1 == value(metrics, "detector_config_info", hash="feed")
    assert 1 == value(metrics, "detector_dry_run")


def test_no_series_tells_when_it_was_made() -> None:
    assert "_created" not in text_of(Metrics())


@pytest.mark.neighbours
def test_promtool_finds_nothing_to_say() -> None:
    promtool = neighbours.require("promtool")
    metrics = Metrics(topics=["logs"], build={"version": "1"}, config_hash="feed")
    for notice in one_of_each(1):
        metrics(notice)
    found = subprocess.run(
        [promtool, "check", "metrics"],
        input=text_of(metrics),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (0, "", "") == (found.returncode, found.stdout, found.stderr)
