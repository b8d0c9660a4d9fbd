"""The state of the demo, updated by records of the public topics.

Law: it changes only by ``apply`` and ``wrote``, and the same calls give the same state; times are
arguments. Records are compared with the script, which knows the culprits.

Known limits: only the newest hundred alarms, decisions and outcomes are kept.
"""

from collections import deque
from dataclasses import dataclass

import msgspec

from detector.core.topics import Topics
from detector.core.vocabulary import ActionKind, AlarmState, Decision, OutcomeState, Refusal
from detector.decisions.actions import Action, BudgetView, DecisionRecord, Outcome
from detector.detection.alarms import AlarmChange
from detector.gameday.script import Script
from detector.tables.reports import Report

KEPT = 100
RATE_SECONDS = 5.0
_FLEET = "fleet:"
_ZONE_DETECTOR = "zone"
_ACCEPTED = frozenset({OutcomeState.ACCEPTED, OutcomeState.SUCCEEDED})

Record = Report | AlarmChange | DecisionRecord | Action | Outcome


@dataclass(slots=True)
class Sightings:
    """When each expected event was first seen, in epoch seconds; ``None`` until then."""

    host_alarm: float | None = None
    host_action: float | None = None
    zone_alarm: float | None = None
    zone_action: float | None = None
    second_zone_refused: float | None = None


class DemoState:
    """Updated by records; read by the screen, the plain lines and the summary."""

    def __init__(self, script: Script, topics: Topics) -> None:
        self.script = script
        self.seen = Sightings()
        self.reports: dict[str, Report] = {}
        """Newest report by service."""
        self.alarms: dict[str, tuple[AlarmChange, float]] = {}
        """Newest change by alarm id, and when it was read."""
        self.decisions: deque[DecisionRecord] = deque(maxlen=KEPT)
        self.outcomes: deque[Outcome] = deque(maxlen=KEPT)
        self.actions: dict[str, Action] = {}
        self.budgets: dict[str, BudgetView] = {}
        """Budget after the newest action, by scope."""
        self.host = ""
        """Host named by the first host alarm."""
        self.zone = ""
        """Zone named by the first zone alarm."""
        self.delay_seconds: float | None = None
        """Time from the end of the newest window to its first report."""
        self.events = self.wrong_actions = self.late = self.dead_letters = self.unreadable = 0
        self._window_end = 0
        self._late_in_window = 0
        self._samples: deque[tuple[float, int]] = deque(maxlen=KEPT)
        self._dead_letters = topics.dead_letters
        self._type_by_topic: dict[str, type[Record]] = {
            topics.reports: Report,
            topics.alarms: AlarmChange,
            topics.decisions: DecisionRecord,
            topics.actions: Action,
            topics.outcomes: Outcome,
        }

    def wrote(self, events: int, at: float) -> None:
        """Record that the fleet has written ``events`` lines in total by epoch second ``at``."""
        self.events = events
        self._samples.append((at, events))
        while self._samples[0][0] < at - RATE_SECONDS:
            self._samples.popleft()

    @property
    def events_per_second(self) -> float:
        """Rate at which the fleet wrote in the last seconds."""
        if not self._samples:
            return 0.0
        (first_at, first), (last_at, last) = self._samples[0], self._samples[-1]
        return (last - first) / (last_at - first_at) if last_at > first_at else 0.0

    def apply(self, topic: str, value: bytes, at: float) -> Record | None:
        """Apply one record, read at epoch second ``at``; return it if it is new."""
        if topic == self._dead_letters:
            self.dead_letters += 1
            return None
        try:
            record = msgspec.json.decode(value, type=self._type_by_topic[topic])
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.unreadable += 1
            return None
        match record:
            case Report():
                return self._report(record, at)
            case AlarmChange():
                return self._alarm(record, at)
            case DecisionRecord():
                return self._decision(record, at)
            case Action():
                return self._action(record)
            case Outcome():
                return self._outcome(record, at)

    def _report(self, report: Report, at: float) -> Record | None:
        if report.window_end > self._window_end:
            self._window_end, self._late_in_window = report.window_end, 0
            self.delay_seconds = at - report.window_end / 1000
        if report.window_end == self._window_end and report.late > self._late_in_window:
            # All subjects of a window report the same late events, so these are not added up.
            self.late += report.late - self._late_in_window
            self._late_in_window = report.late
        service = report.subject.removeprefix(_FLEET)
        known = self.reports.get(service)
        if service == report.subject or (known and known.window_end >= report.window_end):
            return None
        self.reports[service] = report
        return report

    def _alarm(self, change: AlarmChange, at: float) -> Record | None:
        known = self.alarms.pop(change.alarm_id, None)
        if known is not None and known[0].changed_at > change.changed_at:
            self.alarms[change.alarm_id] = known
            return None
        self.alarms[change.alarm_id] = (change, at)
        if len(self.alarms) > KEPT:
            del self.alarms[next(iter(self.alarms))]
        if change.state is AlarmState.ALARM and change.target is not None:
            self._note_alarm(change, at)
        return change

    def _note_alarm(self, change: AlarmChange, at: float) -> None:
        target, blamed = change.target, self.script.expected()
        if target is None or (change.detector == _ZONE_DETECTOR) is bool(target.host):
            return
        if target.host:
            self.host = self.host or target.host
            if target.host == blamed.host and self.seen.host_alarm is None:
                self.seen.host_alarm = at
        else:
            self.zone = self.zone or target.zone
            if target.zone == blamed.zone and self.seen.zone_alarm is None:
                self.seen.zone_alarm = at

    def _decision(self, decision: DecisionRecord, at: float) -> Record | None:
        if any(decision.id == known.id for known in self.decisions):
            return None
        self.decisions.append(decision)
        target, second = decision.target, self.script.expected().second_zone
        if (
            decision.verdict is Decision.REFUSED
            and decision.refusal is Refusal.ANOTHER_ZONE_IS_AWAY
            and target is not None
            and target.zone == second
            and self.seen.second_zone_refused is None
        ):
            self.seen.second_zone_refused = at
        return decision

    def _action(self, action: Action) -> Record | None:
        if action.id in self.actions:
            return None
        self.actions[action.id] = action
        self.budgets[action.budget.scope] = action.budget
        self.wrong_actions += not self.is_expected(
            action.kind, action.target.zone, action.target.host
        )
        return action

    def is_expected(self, kind: ActionKind, zone: str, host: str) -> bool:
        """Return whether the script expects this action: on its host, or on its first zone."""
        blamed = self.script.expected()
        if kind is ActionKind.REPLACE_HOST:
            return host == blamed.host
        return not host and zone == blamed.zone

    def _outcome(self, outcome: Outcome, at: float) -> Record | None:
        self.outcomes.append(outcome)
        target = outcome.target
        if outcome.state in _ACCEPTED and self.is_expected(outcome.kind, target.zone, target.host):
            if outcome.kind is ActionKind.REPLACE_HOST and self.seen.host_action is None:
                self.seen.host_action = at
            elif outcome.kind is ActionKind.SHIFT_AWAY and self.seen.zone_action is None:
                self.seen.zone_action = at
        return outcome
