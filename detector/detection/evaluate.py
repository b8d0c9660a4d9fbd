"""Evaluate windows: each becomes ranked reports and changes of alarms.

Law: the changes are a function of the windows since the last snapshot, in their order; a replayed
window makes the same changes under the same identities. Missing data is a state, never zero: an
incomplete or partial window meets no condition, it only makes alarms less certain.

Theory of operation: every detector examines every window of its kind on its own. One diagnosis is
then made from all findings in a fleet, and reports and changes carry it. A finding changes the
alarm of its own detector, subject and contributor, so persistence never passes from one host to
another. A change is published when the state changes, and when a raised alarm becomes confirmed or
stops being confirmed. A confirmed alarm that asks for an action is published again, from alarm to
alarm, every ``restate_seconds``: an action that was refused for want of budget can only be granted
later on fresh evidence.

Known limits: at most ``max_alarms`` alarms are tracked. At that limit the oldest alarm that only
lacks data is dropped for a new one; if there is none, the new contributor is not tracked (counted
in ``untracked``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from detector.core.diagnosis import Diagnosis
from detector.core.vocabulary import Switch
from detector.detection.alarm_store import AlarmStore
from detector.detection.alarms import AlarmChange
from detector.detection.config import EvaluateConfig
from detector.detection.detectors.diagnose import diagnose
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.detectors.roster import fleet_detectors, rule_detectors
from detector.detection.findings import Contributor, Detector, Finding, Stateful
from detector.detection.rollout import DetectorSlot, slots_of
from detector.detection.state_machine import Persistence
from detector.detection.tracked_alarm import (
    SubjectWindow,
    TrackedAlarm,
    WindowQuality,
    is_fleet,
    window_quality,
)
from detector.tables.host_window import Slide
from detector.tables.ranking import report_fleet, report_rule
from detector.tables.reports import FleetWindow, Report, RuleWindow

__all__ = ["EvaluateConfig", "Evaluation", "Evaluator"]

SNAPSHOT_SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Results of one slide; ``untracked`` contributors met a condition at the alarm limit."""

    reports: list[Report]
    changes: list[AlarmChange]
    untracked: int = 0


class Evaluator:
    """All detectors and tracked alarms of one partition of the tallies topic."""

    def __init__(
        self, config: EvaluateConfig, fleet: Sequence[Detector[FleetView]] | None = None
    ) -> None:
        """Use all detectors, or only those of ``fleet`` for fleets."""
        self._config = config
        self._fleet_detectors = slots_of(
            fleet_detectors(config) if fleet is None else fleet, config
        )
        self._rule_detectors = slots_of(rule_detectors(config), config)
        self._store = AlarmStore(config.max_alarms)
        self._last_end_ms = 0
        self._changes: list[AlarmChange] = []
        self._untracked = 0

    def evaluate(self, slide: Slide) -> Evaluation:
        """Rank every window of ``slide`` and update the alarms."""
        self._changes, self._untracked = [], 0
        if slide.meta.window.start_ms > self._last_end_ms:
            self._store.update(self._after_gap)
        self._last_end_ms = slide.meta.window.end_ms
        top_n, count = self._config.top_n, len(slide.fleets) + len(slide.rules)
        reports = [report_fleet(window, top_n, count) for window in slide.fleets]
        reports += [report_rule(window, top_n, count) for window in slide.rules]
        has_data = any(w.hosts for w in slide.fleets) or any(w.samples for w in slide.rules)
        for number, fleet in enumerate(slide.fleets):
            verdict = self._evaluate_fleet(fleet)
            reports[number] = msgspec.structs.replace(reports[number], verdict=verdict)
        for rule in slide.rules:
            self._evaluate_rule(rule, has_data=has_data)
        self._evaluate_absent(slide, has_data=has_data)
        return Evaluation(reports, self._changes, self._untracked)

    def raised(self) -> dict[str, set[str]]:
        """Return the ids of the raised alarms by detector, without those in shadow."""
        return {
            name: ids
            for name, ids in self._store.raised().items()
            if self._config.switch_of(name) is not Switch.SHADOW
        }

    def snapshot(self) -> dict[str, Any]:
        """Return all alarms and the state of stateful detectors as plain data."""
        return {
            "schema": SNAPSHOT_SCHEMA,
            "last_end_ms": self._last_end_ms,
            "followed": self._store.snapshot(),
            "memories": {name: each.snapshot() for name, each in self._stateful()},
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Continue from a snapshot; ``ValueError`` when another version made it."""
        if snapshot.get("schema") != SNAPSHOT_SCHEMA:
            raise ValueError(
                f"alarms of schema {snapshot.get('schema')!r}, expected {SNAPSHOT_SCHEMA}"
            )
        self._last_end_ms = snapshot["last_end_ms"]
        self._store.restore(snapshot["followed"])
        # Absent in records of early releases; a detector that was off starts empty.
        memories = snapshot.get("memories", {})
        for name, detector in self._stateful():
            if name in memories:
                detector.restore(memories[name])

    def _stateful(self) -> list[tuple[str, Stateful]]:
        detectors: tuple[DetectorSlot[Any], ...] = (*self._fleet_detectors, *self._rule_detectors)
        return [
            (each.name, each.detector)
            for each in detectors
            if isinstance(each.detector, Stateful) and each.switch is not Switch.OFF
        ]

    def _after_gap(self, alarm: TrackedAlarm) -> TrackedAlarm:
        return alarm.after_gap(self._persistence(alarm) or self._config.guarded)

    def _persistence(self, alarm: TrackedAlarm) -> Persistence | None:
        detector = self._detectors_of(alarm.subject).get(alarm.detector)
        return detector.persistence(alarm.subject) if detector is not None else None

    def _detectors_of(self, subject: str) -> Mapping[str, DetectorSlot[Any]]:
        detectors: tuple[DetectorSlot[Any], ...] = (
            self._fleet_detectors if is_fleet(subject) else self._rule_detectors
        )
        return {detector.name: detector for detector in detectors}

    def _evaluate_fleet(self, window: FleetWindow) -> Diagnosis | None:
        """Ask every detector, diagnose the window, and update the alarms."""
        view = FleetView(window, self._config)
        quality = window_quality(window.meta, has_data=bool(window.hosts))
        found = [
            (detector, self._findings(detector, window.subject, quality, view))
            for detector in self._fleet_detectors
        ]
        diagnosis = diagnose(found)
        for detector, findings in found:
            diagnosed = diagnosis.judged(detector, findings)
            subject_window = SubjectWindow(window.subject, window.meta, quality, diagnosed)
            self._update_alarms(detector, subject_window)
        return diagnosis.whole

    def _evaluate_rule(self, window: RuleWindow, *, has_data: bool) -> None:
        # A rule without contributors is empty only when the whole slide is: it may count faults.
        quality = window_quality(window.meta, has_data=has_data)
        for detector in self._rule_detectors:
            findings = self._findings(detector, window.subject, quality, window)
            subject_window = SubjectWindow(
                window.subject, window.meta, quality, findings, window.rule, window.version
            )
            self._update_alarms(detector, subject_window)

    def _findings(
        self, detector: DetectorSlot[Any], subject: str, quality: WindowQuality, view: object
    ) -> Mapping[Contributor, Finding]:
        if quality is not WindowQuality.TRUSTWORTHY or detector.persistence(subject) is None:
            return {}
        return detector.examine(view, self._store.alarms((detector.name, subject)).keys())

    def _evaluate_absent(self, slide: Slide, *, has_data: bool) -> None:
        """Update the alarms of subjects that have no window in ``slide``."""
        seen = {window.subject for window in slide.fleets}
        seen |= {window.subject for window in slide.rules}
        for name, subject in self._store.alarm_keys():
            detector = self._detectors_of(subject).get(name)
            if subject in seen or detector is None:
                continue
            quality = window_quality(slide.meta, has_data=has_data)
            if is_fleet(subject) and quality is WindowQuality.TRUSTWORTHY:
                quality = WindowQuality.UNTRUSTWORTHY
            rule = "" if is_fleet(subject) else subject.partition(":")[2]
            self._update_alarms(detector, SubjectWindow(subject, slide.meta, quality, {}, rule))

    def _update_alarms(self, detector: DetectorSlot[Any], window: SubjectWindow) -> None:
        """Update every alarm of one detector and subject, and collect the changes to publish."""
        key = (detector.name, window.subject)
        persistence = detector.persistence(window.subject)
        restate_ms = self._config.restate_seconds * 1000
        for contributor in sorted({*self._store.alarms(key), *window.findings}):
            before = self._store.alarms(key).get(contributor)
            if before is None:
                if not self._store.make_room():
                    self._untracked += 1
                    continue
                before = TrackedAlarm(detector.name, window.subject, contributor)
            after = before.after_window(window, persistence)
            if after.must_be_published(before, window, detector, restate_ms):
                after = replace(after, last_published_ms=window.end_ms)
                self._changes.append(after.change_from(before, window, detector))
            if persistence is None:
                self._store.drop(after)
            else:
                self._store.put(after)
