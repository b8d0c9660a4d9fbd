"""Step 5, evaluate: windows become ranked reports, and alarms whose state changed.

Law: the changes are a function of the windows since the last snapshot, in order; a replayed window
gives the same changes under the same identities. Missing data is a state and never zero: an
incomplete or partial window meets no condition, it only makes alarms less certain.

Theory of operation: each detector examines each window of its kind independently. One diagnosis is
made of all that they find in a fleet; reports and changes carry it. Each finding updates the
tracked alarm of its detector, subject and contributor, so that persistence never passes from one
host to another. ``TrackedAlarm.is_news`` decides which changes are published.

Known limits: at most ``max_alarms`` alarms are tracked. At the limit, the oldest alarm that only
lacks data is dropped; if there is none, the new contributor is not tracked and is counted in
``untracked``.
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
from detector.detection.persistence import Persistence
from detector.detection.rollout import DetectorSlot, slots_of
from detector.detection.tracked_alarm import (
    AlarmKey,
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
    """What one slide gave; ``untracked`` contributors met a condition beyond the limit."""

    reports: list[Report]
    changes: list[AlarmChange]
    untracked: int = 0


class Evaluator:
    """All detectors and tracked alarms of one partition of the tallies topic."""

    def __init__(
        self, config: EvaluateConfig, fleet: Sequence[Detector[FleetView]] | None = None
    ) -> None:
        """Use all detectors, or only those in ``fleet`` for fleets."""
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
        """Rank every window of ``slide`` and update the tracked alarms."""
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
        """Return the ids of the alarms in state ``alarm``, by detector, shadow left out."""
        return {
            name: ids
            for name, ids in self._store.raised().items()
            if self._config.switch_of(name) is not Switch.SHADOW
        }

    def snapshot(self) -> dict[str, Any]:
        """Return all tracked alarms, and the states of detectors, as plain data."""
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
                f"alarm states of schema {snapshot.get('schema')!r}, expected {SNAPSHOT_SCHEMA}"
            )
        self._last_end_ms = snapshot["last_end_ms"]
        self._store.restore(snapshot["followed"])
        # Old snapshots lack detector states; a detector that was off starts empty.
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

    def _after_gap(self, key: AlarmKey, alarm: TrackedAlarm) -> TrackedAlarm:
        return alarm.after_gap(self._persistence(key) or self._config.guarded)

    def _persistence(self, key: AlarmKey) -> Persistence | None:
        name, subject = key
        detector = self._detectors_of(subject).get(name)
        return detector.persistence(subject) if detector is not None else None

    def _detectors_of(self, subject: str) -> Mapping[str, DetectorSlot[Any]]:
        detectors: tuple[DetectorSlot[Any], ...] = (
            self._fleet_detectors if is_fleet(subject) else self._rule_detectors
        )
        return {detector.name: detector for detector in detectors}

    def _evaluate_fleet(self, window: FleetWindow) -> Diagnosis | None:
        """Run every detector, make one diagnosis of the findings, and update the alarms."""
        view = FleetView(window, self._config)
        quality = window_quality(window.meta, has_data=bool(window.hosts))
        found = [
            (detector, self._findings(detector, window.subject, quality, view))
            for detector in self._fleet_detectors
        ]
        diagnosis = diagnose(found)
        for detector, findings in found:
            diagnosed = diagnosis.with_diagnoses(detector, findings)
            self._update(detector, SubjectWindow(window.subject, window.meta, quality, diagnosed))
        return diagnosis.whole

    def _evaluate_rule(self, window: RuleWindow, *, has_data: bool) -> None:
        # A rule may count faults, so a rule without contributors is empty only if all else is.
        quality = window_quality(window.meta, has_data=has_data)
        for detector in self._rule_detectors:
            findings = self._findings(detector, window.subject, quality, window)
            subject_window = SubjectWindow(
                window.subject, window.meta, quality, findings, window.rule, window.version
            )
            self._update(detector, subject_window)

    def _findings(
        self, detector: DetectorSlot[Any], subject: str, quality: WindowQuality, view: object
    ) -> Mapping[Contributor, Finding]:
        if quality is not WindowQuality.TRUSTWORTHY or detector.persistence(subject) is None:
            return {}
        return detector.examine(view, self._store.entry((detector.name, subject)).keys())

    def _evaluate_absent(self, slide: Slide, *, has_data: bool) -> None:
        """Update the alarms of subjects that have no window in ``slide``."""
        present = {window.subject for window in slide.fleets}
        present |= {window.subject for window in slide.rules}
        for name, subject in self._store.tracked():
            detector = self._detectors_of(subject).get(name)
            if subject in present or detector is None:
                continue
            quality = window_quality(slide.meta, has_data=has_data)
            if is_fleet(subject) and quality is WindowQuality.TRUSTWORTHY:
                quality = WindowQuality.UNTRUSTWORTHY
            rule = "" if is_fleet(subject) else subject.partition(":")[2]
            self._update(detector, SubjectWindow(subject, slide.meta, quality, {}, rule))

    def _update(self, detector: DetectorSlot[Any], window: SubjectWindow) -> None:
        """Update every alarm of one detector and subject, and note what must be published."""
        key = (detector.name, window.subject)
        persistence = detector.persistence(window.subject)
        for contributor in sorted({*self._store.entry(key), *window.findings}):
            before = self._store.entry(key).get(contributor)
            if before is None and not self._store.make_space():
                self._untracked += 1
                continue
            before = before or TrackedAlarm()
            after = before.after_window(window, contributor, persistence)
            if after.is_news(
                before,
                window,
                requests_action=detector.action is not None,
                restate_seconds=self._config.restate_seconds,
            ):
                after = replace(after, last_published_ms=window.end_ms)
                self._changes.append(after.change(before, detector, window, contributor))
            if persistence is None:
                self._store.drop(key, contributor)
            else:
                self._store.put(key, contributor, after)
