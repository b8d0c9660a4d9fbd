"""Evaluate: windows become ranked reports and changes of alarm standings.

Law: the changes are a function of the windows seen since the last snapshot, in their order; a
replayed window makes the same changes under the same identities. Missing data is a state and never
zero: an incomplete or partial window meets no condition, it only makes standings less certain.

Theory of operation: every detector examines every window of its kind on its own. Then one diagnosis
is made of all that they found in a fleet, which reports and changes carry. What a detector finds
moves the standing of that detector, subject and contributor, so that persistence never passes from
one host to another. A change is told when the state moves, and when an alarm that stands is
confirmed or is no longer. A confirmed alarm that asks for an action is told again, from alarm to
alarm, every ``restate_seconds``: what was refused for want of budget can only be granted later on
fresh evidence.

Known limits: ``max_alarms`` standings are kept; when that is reached, the oldest that only lacks
data makes room, and if there is none the new contributor is not followed (counted in
``unfollowed``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from detector.core.diagnosis import Diagnosis
from detector.core.vocabulary import AlarmState, Switch
from detector.detection.alarm_store import AlarmStore, TrackedAlarm
from detector.detection.alarm_transitions import change_of, followed_after
from detector.detection.alarms import AlarmChange
from detector.detection.config import EvaluateConfig
from detector.detection.detectors.diagnose import diagnose
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.detectors.roster import fleet_detectors, rule_detectors
from detector.detection.findings import Contributor, Detector, Finding, Stateful
from detector.detection.rollout import DetectorSlot, slots_of
from detector.detection.scenes import SubjectWindow, WindowQuality, is_fleet, window_quality
from detector.detection.state_machine import Persistence, Standing
from detector.tables.host_window import Slide
from detector.tables.ranking import report_fleet, report_rule
from detector.tables.reports import FleetWindow, Report, RuleWindow

__all__ = ["EvaluateConfig", "Evaluation", "Evaluator"]

SNAPSHOT_SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one slide gave; ``unfollowed`` contributors met a condition when there was no room."""

    reports: list[Report]
    changes: list[AlarmChange]
    unfollowed: int = 0


class Evaluator:
    """All detectors and standings of one partition of the tallies topic."""

    def __init__(
        self, config: EvaluateConfig, fleet: Sequence[Detector[FleetView]] | None = None
    ) -> None:
        """Take part with all detectors, or with those of ``fleet`` alone where fleets go."""
        self._config = config
        self._fleet_detectors = slots_of(
            fleet_detectors(config) if fleet is None else fleet, config
        )
        self._rule_detectors = slots_of(rule_detectors(config), config)
        self._book = AlarmStore(config.max_alarms)
        self._last_end_ms = 0
        self._changes: list[AlarmChange] = []
        self._unfollowed = 0

    def evaluate(self, slide: Slide) -> Evaluation:
        """Rank every window of ``slide`` and move the standings."""
        self._changes, self._unfollowed = [], 0
        if slide.meta.window.start_ms > self._last_end_ms:
            self._book.update(self._after_gap)
        self._last_end_ms = slide.meta.window.end_ms
        top_n, count = self._config.top_n, len(slide.fleets) + len(slide.rules)
        reports = [report_fleet(window, top_n, count) for window in slide.fleets]
        reports += [report_rule(window, top_n, count) for window in slide.rules]
        is_live = any(w.hosts for w in slide.fleets) or any(w.samples for w in slide.rules)
        for number, fleet in enumerate(slide.fleets):
            verdict = self._judge_fleet(fleet)
            reports[number] = msgspec.structs.replace(reports[number], verdict=verdict)
        for rule in slide.rules:
            self._judge_rule(rule, is_live=is_live)
        self._judge_absent(slide, is_live=is_live)
        return Evaluation(reports, self._changes, self._unfollowed)

    def raised(self) -> dict[str, set[str]]:
        """Return the ids of the alarms that are raised, by detector; not those in shadow."""
        return {
            name: ids
            for name, ids in self._book.raised().items()
            if self._config.switch_of(name) is not Switch.SHADOW
        }

    def snapshot(self) -> dict[str, Any]:
        """Return all standings, and what detectors remember, as plain data."""
        return {
            "schema": SNAPSHOT_SCHEMA,
            "last_end_ms": self._last_end_ms,
            "followed": self._book.snapshot(),
            "memories": {name: each.snapshot() for name, each in self._remembering()},
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go on from a snapshot; ``ValueError`` when another version made it."""
        if snapshot.get("schema") != SNAPSHOT_SCHEMA:
            raise ValueError(
                f"standings of schema {snapshot.get('schema')!r}, expected {SNAPSHOT_SCHEMA}"
            )
        self._last_end_ms = snapshot["last_end_ms"]
        self._book.restore(snapshot["followed"])
        # Records of releases without memories have none; a detector that was off begins anew.
        memories = snapshot.get("memories", {})
        for name, detector in self._remembering():
            if name in memories:
                detector.restore(memories[name])

    def _remembering(self) -> list[tuple[str, Stateful]]:
        detectors: tuple[DetectorSlot[Any], ...] = (*self._fleet_detectors, *self._rule_detectors)
        return [
            (each.name, each.detector)
            for each in detectors
            if isinstance(each.detector, Stateful) and each.switch is not Switch.OFF
        ]

    def _after_gap(self, place: tuple[str, str], standing: Standing) -> Standing:
        return standing.after_gap(self._persistence(place) or self._config.guarded)

    def _persistence(self, place: tuple[str, str]) -> Persistence | None:
        name, subject = place
        detector = self._detectors_of(subject).get(name)
        return detector.persistence(subject) if detector is not None else None

    def _detectors_of(self, subject: str) -> Mapping[str, DetectorSlot[Any]]:
        detectors: tuple[DetectorSlot[Any], ...] = (
            self._fleet_detectors if is_fleet(subject) else self._rule_detectors
        )
        return {detector.name: detector for detector in detectors}

    def _judge_fleet(self, window: FleetWindow) -> Diagnosis | None:
        """Ask every detector, make one diagnosis of it, and move the standings."""
        view = FleetView(window, self._config)
        hearing = window_quality(window.meta, is_heard=bool(window.hosts))
        found = [
            (detector, self._findings(detector, window.subject, hearing, view))
            for detector in self._fleet_detectors
        ]
        joint = diagnose(found)
        for detector, findings in found:
            judged = joint.with_diagnoses(detector, findings)
            self._move(detector, SubjectWindow(window.subject, window.meta, hearing, judged))
        return joint.whole

    def _judge_rule(self, window: RuleWindow, *, is_live: bool) -> None:
        # A rule without contributors is silent only if everything else is: it may count faults.
        hearing = window_quality(window.meta, is_heard=is_live)
        for detector in self._rule_detectors:
            findings = self._findings(detector, window.subject, hearing, window)
            scene = SubjectWindow(
                window.subject, window.meta, hearing, findings, window.rule, window.version
            )
            self._move(detector, scene)

    def _findings(
        self, detector: DetectorSlot[Any], subject: str, hearing: WindowQuality, view: object
    ) -> Mapping[Contributor, Finding]:
        if hearing is not WindowQuality.NOTHING_WRONG or detector.persistence(subject) is None:
            return {}
        return detector.examine(view, self._book.page((detector.name, subject)).keys())

    def _judge_absent(self, slide: Slide, *, is_live: bool) -> None:
        """Move the standings of subjects that have no window in ``slide``."""
        seen = {window.subject for window in slide.fleets}
        seen |= {window.subject for window in slide.rules}
        for name, subject in self._book.places():
            detector = self._detectors_of(subject).get(name)
            if subject in seen or detector is None:
                continue
            hearing = window_quality(slide.meta, is_heard=is_live)
            if is_fleet(subject) and hearing is WindowQuality.NOTHING_WRONG:
                hearing = WindowQuality.UNKNOWN
            rule = "" if is_fleet(subject) else subject.partition(":")[2]
            self._move(detector, SubjectWindow(subject, slide.meta, hearing, {}, rule))

    def _move(self, detector: DetectorSlot[Any], scene: SubjectWindow) -> None:
        """Move every standing of one detector and subject, and tell what changed."""
        place = (detector.name, scene.subject)
        persistence = detector.persistence(scene.subject)
        for contributor in sorted({*self._book.page(place), *scene.findings}):
            before = self._book.page(place).get(contributor)
            if before is None and not self._book.has_room():
                self._unfollowed += 1
                continue
            before = before or TrackedAlarm()
            finding = scene.findings.get(contributor)
            after = followed_after(before, finding, scene, persistence)
            if self._is_news(detector, scene, before, after):
                after = replace(after, told_ms=scene.meta.window.end_ms)
                change = change_of(detector, scene, contributor, before, after)
                self._changes.append(change)
            if persistence is None:
                self._book.drop(place, contributor)
            else:
                self._book.put(place, contributor, after)

    def _is_news(
        self,
        detector: DetectorSlot[Any],
        scene: SubjectWindow,
        before: TrackedAlarm,
        after: TrackedAlarm,
    ) -> bool:
        if after.standing.state is not before.standing.state:
            return True
        if after.standing.state is not AlarmState.ALARM:
            return False
        rested_ms = scene.meta.window.end_ms - before.told_ms
        # Nothing can be restated of a window that no detector could examine.
        is_due = (
            scene.hearing is WindowQuality.NOTHING_WRONG
            and detector.action is not None
            and after.confirmed
            and rested_ms >= self._config.restate_seconds * 1000
        )
        # Whether the cause is shared must reach the decider before it acts on what it knows.
        told_anew = (after.confirmed, after.frozen) != (before.confirmed, before.frozen)
        return is_due or told_anew
