"""Notices as Prometheus metrics: the whole catalogue of ``detector_*`` in one place.

Law: every label has a closed list of values, all exported as 0 from the start; no label value is a
host, a contributor or anything else from a log record. The number of series is therefore fixed when
the process starts, whatever the fleet does.

Known limit: active alarms are those whose transitions this process has seen, or that
``set_active_alarms`` listed after a restart or a rebalance.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from prometheus_client import Counter

from detector.core import notices
from detector.core.vocabulary import (
    ActionKind,
    AlarmState,
    ClosedBy,
    DeadLetterReason,
    Decision,
    Envelope,
    HistoryTrouble,
    Loss,
    OutcomeState,
    Refusal,
    ReportResult,
    RuleRejection,
    TimeSource,
)
from detector.detection.detectors.roster import detector_names
from detector.telemetry.metrics.families import Families, new_registry

OTHER = "other"
NO_REASON = "none"
ACCEPTED = "accepted"
_FINISHED = frozenset({OutcomeState.SUCCEEDED, OutcomeState.FAILED})
_EVALUATION_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_DELAY_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_ACTION_SECONDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0)


class Metrics(Families):
    """A listener that counts notices in ``registry``, which an exporter serves.

    ``topics`` are the input topics, ``detectors`` the names of detectors (default: all);
    any other name counts as ``other``.
    """

    def __init__(
        self,
        *,
        topics: Iterable[str] = (),
        detectors: Iterable[str] | None = None,
        dry_run: bool = False,
        build: Mapping[str, str] | None = None,
        config_hash: str = "",
    ) -> None:
        super().__init__(new_registry())
        self._topics = frozenset(topics)
        known = (*(detector_names() if detectors is None else detectors), OTHER)
        self._active: dict[str, set[str]] = {name: set() for name in known}
        self._make_input_metrics()
        self._make_window_metrics()
        self._make_alarm_metrics()
        self._make_action_metrics()
        self._info("detector_build", "Versions of the program and its parts.", build or {})
        self._info("detector_config", "Settings in force.", {"hash": config_hash})
        self._gauge("detector_dry_run", "1 when actions are only recorded.").set(dry_run)
        self._by_type: dict[type, Callable[[Any], None]] = {
            notices.RecordsConsumed: self._on_consumed,
            notices.RecordsDecoded: self._on_decoded,
            notices.TimesRead: lambda notice: self._times.labels(notice.source).inc(notice.count),
            notices.EventsLost: self._on_lost,
            notices.EventsUnattributed: lambda notice: self._unplaced.inc(notice.count),
            notices.WatermarkMoved: lambda notice: self._watermark.labels(
                self._topic(notice.topic)
            ).set(notice.time_ms / 1000),
            notices.RecordDeadLettered: lambda notice: self._dead.labels(notice.reason).inc(),
            notices.PanesTallied: lambda notice: self._panes.labels(notice.closed_by).inc(
                notice.count
            ),
            notices.TallyReceived: lambda notice: self._tallies.labels(notice.outcome).inc(),
            notices.WindowEvaluated: self._on_window,
            notices.ContributorsUntracked: lambda notice: self._untracked.inc(notice.count),
            notices.AlarmMoved: self._on_alarm,
            notices.ActionDecided: self._on_decision,
            notices.BudgetLevel: self._on_budget,
            notices.KillSwitchRead: self._on_kill_switch,
            notices.OutcomeRecorded: self._on_outcome,
            notices.RulesRead: lambda notice: self._rules.set(notice.rules),
            notices.RuleChangeRead: self._on_rule_change,
            notices.TallyingHeld: lambda notice: self._held.set(notice.held),
            notices.RuleFlooded: lambda notice: self._flooding.set(notice.rules),
            notices.ReportsKept: lambda notice: self._kept.labels(notice.result).inc(notice.count),
            notices.HistoryTroubled: lambda notice: self._troubles.labels(notice.trouble).inc(),
        }

    def __call__(self, notice: notices.Notice) -> None:
        """Count ``notice``."""
        self._by_type[type(notice)](notice)

    def set_consumer_lag(self, topic: str, records_by_partition: Sequence[int]) -> None:
        """Set the number of records that each owned partition of ``topic`` is behind its end."""
        label = self._topic(topic)
        self._lag.labels(label).set(sum(records_by_partition))
        self._lag_max.labels(label).set(max(records_by_partition, default=0))

    def set_active_alarms(self, active: Mapping[str, Collection[str]]) -> None:
        """Replace the active alarms: alarm ids by detector."""
        for name, ids in self._active.items():
            ids.clear()
            ids.update(active.get(name, ()))
            self._alarms.labels(name).set(len(ids))

    def _make_input_metrics(self) -> None:
        topics = sorted({*self._topics, OTHER})
        self._consumed = self._counter("detector_records_consumed", "Records read.", topic=topics)
        self._decoded = self._counter(
            "detector_records_decoded",
            "Records by envelope and by whether they were understood.",
            envelope=list(Envelope),
            outcome=["event", "empty", "unreadable"],
        )
        self._times = self._counter(
            "detector_event_times", "Events by where their time came from.", source=list(TimeSource)
        )
        self._lost = self._counter(
            "detector_events_lost", "Readable events that are in no window.", reason=list(Loss)
        )
        self._late = self._counter("detector_records_late", "Events after their pane had closed.")
        self._duplicate = self._counter("detector_records_duplicate", "Events seen before.")
        self._unplaced = self._counter("detector_events_unplaced", "Events without host or zone.")
        self._dead = self._counter(
            "detector_dead_letters", "Records not understood.", reason=list(DeadLetterReason)
        )
        self._lag = self._gauge(
            "detector_consumer_lag_records", "Records behind the end of the topic.", topic=topics
        )
        self._lag_max = self._gauge(
            "detector_consumer_lag_max_records", "The same of the worst partition.", topic=topics
        )
        self._watermark = self._gauge(
            "detector_watermark_timestamp_seconds", "Lowest watermark; 0 before any.", topic=topics
        )

    def _make_window_metrics(self) -> None:
        self._panes = self._counter(
            "detector_panes_tallied", "Panes published.", closed_by=list(ClosedBy)
        )
        self._tallies = self._counter(
            "detector_tally_records",
            "Tally records received.",
            outcome=["applied", "duplicate", "late", "unreadable"],
        )
        self._kept = self._counter(
            "detector_history_reports", "Reports in the history.", fate=list(ReportResult)
        )
        self._troubles = self._counter(
            "detector_history_troubles", "Troubles of the history.", trouble=list(HistoryTrouble)
        )
        self._evaluations = self._counter(
            "detector_rule_evaluations", "Tables evaluated.", result=["complete", "incomplete"]
        )
        self._evaluation_time = self._histogram(
            "detector_rule_evaluation_duration_seconds", "Time of one slide.", _EVALUATION_SECONDS
        )
        self._window_delay = self._histogram(
            "detector_window_delay_seconds", "From window end to its evaluation.", _DELAY_SECONDS
        )

        self._rules = self._gauge("detector_rules", "Contributor rules in force.")
        self._rule_changes = self._counter(
            "detector_rule_changes",
            "Changes of rules by what became of them.",
            result=[ACCEPTED, *RuleRejection],
        )
        self._flooding = self._gauge(
            "detector_rules_flooding", "Rules with more contributors than are counted exactly."
        )
        self._held = self._gauge(
            "detector_tallying_held", "1 while the rules cannot be read, and nothing is counted."
        )

    def _make_alarm_metrics(self) -> None:
        names = list(self._active)
        self._alarms = self._gauge("detector_alarms_active", "Alarms raised now.", detector=names)
        self._moves = self._counter(
            "detector_alarm_transitions", "Moves of alarms.", detector=names, to=list(AlarmState)
        )
        self._untracked = self._counter(
            "detector_contributors_unfollowed", "Conditions met while the alarm store was full."
        )
        self._detection_delay = self._histogram(
            "detector_detection_delay_seconds", "From window end to the alarm.", _DELAY_SECONDS
        )

    def _make_action_metrics(self) -> None:
        kinds = list(ActionKind)
        self._proposed = self._counter(
            "detector_actions_proposed", "Actions that were asked for.", kind=kinds
        )
        self._decided = Counter(
            "detector_actions_decided",
            "Yes and no, and why not.",
            ["kind", "decision", "reason"],
            registry=self.registry,
        )
        for kind in kinds:
            for verdict in (Decision.GRANTED, Decision.OBSERVED):
                self._decided.labels(kind, verdict, NO_REASON)
            for refusal in Refusal:
                self._decided.labels(kind, Decision.REFUSED, refusal)
        scopes = ["global", "fleet"]
        self._tokens = self._gauge("detector_action_budget_tokens", "Tokens left.", scope=scopes)
        self._capacity = self._gauge(
            "detector_action_budget_capacity", "Tokens of a full bucket.", scope=scopes
        )
        self._kill_switch = self._gauge(
            "detector_kill_switch_engaged", "1 while engaged or not known."
        )
        self._kill_switch_known = self._gauge(
            "detector_kill_switch_known", "1 while the kill switch can be read."
        )
        self._kill_switch.set(1)
        self._outcomes = self._counter(
            "detector_action_outcomes", "What came of it.", kind=kinds, outcome=list(OutcomeState)
        )
        self._action_time = self._histogram(
            "detector_action_duration_seconds", "Time of an executor.", _ACTION_SECONDS, kind=kinds
        )

    def _on_consumed(self, notice: notices.RecordsConsumed) -> None:
        self._consumed.labels(self._topic(notice.topic)).inc(notice.count)

    def _on_decoded(self, notice: notices.RecordsDecoded) -> None:
        self._decoded.labels(notice.envelope, notice.outcome).inc(notice.count)

    def _on_lost(self, notice: notices.EventsLost) -> None:
        self._lost.labels(notice.reason).inc(notice.count)
        if notice.reason is Loss.LATE:
            self._late.inc(notice.count)
        elif notice.reason is Loss.DUPLICATE:
            self._duplicate.inc(notice.count)

    def _on_window(self, notice: notices.WindowEvaluated) -> None:
        result = "complete" if notice.complete else "incomplete"
        self._evaluations.labels(result).inc(notice.subjects)
        self._evaluation_time.observe(notice.duration_seconds)
        self._window_delay.observe(notice.delay_seconds)

    def _on_alarm(self, notice: notices.AlarmMoved) -> None:
        name = notice.detector if notice.detector in self._active else OTHER
        self._moves.labels(name, notice.state).inc()
        if notice.state is AlarmState.ALARM and not notice.shadow:
            self._active[name].add(notice.alarm_id)
            self._detection_delay.observe(notice.delay_seconds)
        else:
            self._active[name].discard(notice.alarm_id)
        self._alarms.labels(name).set(len(self._active[name]))

    def _on_rule_change(self, notice: notices.RuleChangeRead) -> None:
        self._rules.set(notice.rules)
        self._rule_changes.labels(notice.rejection or ACCEPTED).inc()

    def _on_decision(self, notice: notices.ActionDecided) -> None:
        self._proposed.labels(notice.kind).inc()
        self._decided.labels(notice.kind, notice.verdict, notice.refusal or NO_REASON).inc()

    def _on_budget(self, notice: notices.BudgetLevel) -> None:
        self._tokens.labels(notice.scope).set(notice.tokens)
        self._capacity.labels(notice.scope).set(notice.capacity)

    def _on_kill_switch(self, notice: notices.KillSwitchRead) -> None:
        self._kill_switch.set(notice.engaged or not notice.known)
        self._kill_switch_known.set(notice.known)

    def _on_outcome(self, notice: notices.OutcomeRecorded) -> None:
        self._outcomes.labels(notice.kind, notice.state).inc()
        if notice.state in _FINISHED:
            self._action_time.labels(notice.kind).observe(notice.duration_seconds)

    def _topic(self, topic: str) -> str:
        return topic if topic in self._topics else OTHER
