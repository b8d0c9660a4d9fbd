"""Evaluate: windows become ranked reports and changes of alarm standings.

Law: the changes are a function of the windows seen since the last snapshot, in their order; a
replayed window makes the same changes under the same identities. Missing data is a state and never
zero: an incomplete or partial window meets no condition, it only makes standings less certain.

Theory of operation: every detector examines every window of its kind on its own. What it finds
moves the standing of that detector, subject and contributor, so that persistence never passes from
one host to another. A change is told when the state moves, and when an alarm that stands is
confirmed or is no longer. A confirmed alarm that asks for an action is told again, from alarm to
alarm, every ``restate_seconds``: what was refused for want of budget can only be granted later on
fresh evidence.

Known limits: ``max_alarms`` standings are kept; when that is reached, the oldest that only lacks
data makes room, and if there is none the new contributor is not followed (counted in
``unfollowed``).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

import msgspec

from detector.domain.alarm_book import AlarmBook, Followed
from detector.domain.alarm_config import EvaluateConfig
from detector.domain.alarms import ALARM_SCHEMA, AlarmChange, Evidence, alarm_id_of
from detector.domain.findings import Contributor, Detector, Finding, blank_evidence
from detector.domain.fleet_detectors import FleetView, HostShare, ZoneOutlier
from detector.domain.ranking import report_fleet, report_rule
from detector.domain.reports import FleetWindow, Report, RuleWindow, WindowMeta
from detector.domain.rule_detectors import ContributorShare
from detector.domain.sentences import change_sentence, plain_name, silent_words
from detector.domain.standing import Persistence, Standing, WindowVerdict
from detector.domain.vocabulary import AlarmState
from detector.domain.window_tables import Slide

__all__ = ["EvaluateConfig", "Evaluation", "Evaluator"]

SNAPSHOT_SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one slide gave; ``unfollowed`` contributors met a condition when there was no room."""

    reports: list[Report]
    changes: list[AlarmChange]
    unfollowed: int = 0


class _Hearing(Enum):
    """How much a window says of a subject when no detector can examine it."""

    NOTHING_WRONG = "nothing_wrong"
    UNKNOWN = "unknown"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class _Scene:
    """Which subject is judged in which window, and what the detector found there, if it could."""

    subject: str
    meta: WindowMeta
    hearing: _Hearing
    findings: Mapping[Contributor, Finding]
    rule: str = ""
    version: str = ""


class Evaluator:
    """All detectors and standings of one partition of the tallies topic."""

    def __init__(self, config: EvaluateConfig) -> None:
        self._config = config
        self._fleet_detectors: tuple[Detector[FleetView], ...] = (
            HostShare(config),
            ZoneOutlier(config),
        )
        self._rule_detectors: tuple[Detector[RuleWindow], ...] = (ContributorShare(config),)
        self._book = AlarmBook(config.max_alarms)
        self._last_end_ms = 0
        self._changes: list[AlarmChange] = []
        self._unfollowed = 0

    def see(self, slide: Slide) -> Evaluation:
        """Rank every window of ``slide`` and move the standings."""
        self._changes, self._unfollowed = [], 0
        if slide.meta.window.start_ms > self._last_end_ms:
            self._book.update(self._after_gap)
        self._last_end_ms = slide.meta.window.end_ms
        top_n, count = self._config.top_n, len(slide.fleets) + len(slide.rules)
        reports = [report_fleet(window, top_n, count) for window in slide.fleets]
        reports += [report_rule(window, top_n, count) for window in slide.rules]
        is_live = any(w.hosts for w in slide.fleets) or any(w.samples for w in slide.rules)
        for fleet in slide.fleets:
            self._judge_fleet(fleet)
        for rule in slide.rules:
            self._judge_rule(rule, is_live=is_live)
        self._judge_absent(slide, is_live=is_live)
        return Evaluation(reports, self._changes, self._unfollowed)

    def raised(self) -> dict[str, set[str]]:
        """Return the ids of the alarms that are raised, by detector."""
        return self._book.raised()

    def snapshot(self) -> dict[str, Any]:
        """Return all standings as plain data."""
        return {
            "schema": SNAPSHOT_SCHEMA,
            "last_end_ms": self._last_end_ms,
            "followed": self._book.snapshot(),
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go on from a snapshot; ``ValueError`` when another version made it."""
        if snapshot.get("schema") != SNAPSHOT_SCHEMA:
            raise ValueError(
                f"standings of schema {snapshot.get('schema')!r}, expected {SNAPSHOT_SCHEMA}"
            )
        self._last_end_ms = snapshot["last_end_ms"]
        self._book.restore(snapshot["followed"])

    def _after_gap(self, place: tuple[str, str], standing: Standing) -> Standing:
        return standing.after_gap(self._persistence(place) or self._config.guarded)

    def _persistence(self, place: tuple[str, str]) -> Persistence | None:
        name, subject = place
        detector = self._detectors_of(subject).get(name)
        return detector.persistence(subject) if detector is not None else None

    def _detectors_of(self, subject: str) -> Mapping[str, Detector[Any]]:
        detectors: tuple[Detector[Any], ...] = (
            self._fleet_detectors if _is_fleet(subject) else self._rule_detectors
        )
        return {detector.name: detector for detector in detectors}

    def _judge_fleet(self, window: FleetWindow) -> None:
        view = FleetView(window, self._config)
        hearing = _hearing(window.meta, is_heard=bool(window.hosts))
        for detector in self._fleet_detectors:
            findings = self._findings(detector, window.subject, hearing, view)
            self._move(detector, _Scene(window.subject, window.meta, hearing, findings))

    def _judge_rule(self, window: RuleWindow, *, is_live: bool) -> None:
        # A rule without contributors is silent only if everything else is: it may count faults.
        hearing = _hearing(window.meta, is_heard=is_live)
        for detector in self._rule_detectors:
            findings = self._findings(detector, window.subject, hearing, window)
            scene = _Scene(
                window.subject, window.meta, hearing, findings, window.rule, window.version
            )
            self._move(detector, scene)

    def _findings(
        self, detector: Detector[Any], subject: str, hearing: _Hearing, view: object
    ) -> Mapping[Contributor, Finding]:
        if hearing is not _Hearing.NOTHING_WRONG or detector.persistence(subject) is None:
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
            hearing = _hearing(slide.meta, is_heard=is_live)
            if _is_fleet(subject) and hearing is _Hearing.NOTHING_WRONG:
                hearing = _Hearing.UNKNOWN
            rule = "" if _is_fleet(subject) else subject.partition(":")[2]
            self._move(detector, _Scene(subject, slide.meta, hearing, {}, rule))

    def _move(self, detector: Detector[Any], scene: _Scene) -> None:
        """Move every standing of one detector and subject, and tell what changed."""
        place = (detector.name, scene.subject)
        persistence = detector.persistence(scene.subject)
        for contributor in sorted({*self._book.page(place), *scene.findings}):
            before = self._book.page(place).get(contributor)
            if before is None and not self._book.has_room():
                self._unfollowed += 1
                continue
            before = before or Followed()
            finding = scene.findings.get(contributor)
            after = _after(before, finding, scene, persistence)
            if self._is_news(detector, scene, before, after):
                after = replace(after, told_ms=scene.meta.window.end_ms)
                change = _change(detector, scene, contributor, before, after, finding)
                self._changes.append(change)
            if persistence is None:
                self._book.drop(place, contributor)
            else:
                self._book.put(place, contributor, after)

    def _is_news(
        self, detector: Detector[Any], scene: _Scene, before: Followed, after: Followed
    ) -> bool:
        if after.standing.state is not before.standing.state:
            return True
        if after.standing.state is not AlarmState.ALARM:
            return False
        rested_ms = scene.meta.window.end_ms - before.told_ms
        # Nothing can be restated of a window that no detector could examine.
        is_due = (
            scene.hearing is _Hearing.NOTHING_WRONG
            and detector.action is not None
            and after.confirmed
            and rested_ms >= self._config.restate_seconds * 1000
        )
        return is_due or after.confirmed != before.confirmed


def _is_fleet(subject: str) -> bool:
    return subject.startswith("fleet:")


def _hearing(meta: WindowMeta, *, is_heard: bool) -> _Hearing:
    if not is_heard:
        return _Hearing.SILENT
    return _Hearing.NOTHING_WRONG if meta.trustworthy else _Hearing.UNKNOWN


def _after(
    before: Followed, finding: Finding | None, scene: _Scene, persistence: Persistence | None
) -> Followed:
    """Return what is to be remembered of a contributor after one window."""
    followed = replace(before, version=scene.version or before.version)
    if persistence is None:
        off = Persistence(required=1, seen=1)
        return replace(followed, standing=before.standing.after_silence(off))
    if scene.hearing is _Hearing.SILENT:
        return replace(followed, standing=before.standing.after_silence(persistence))
    if scene.hearing is _Hearing.UNKNOWN:
        standing = before.standing.after(WindowVerdict.UNKNOWN, persistence)
        return replace(followed, standing=standing)
    if finding is None:
        standing = before.standing.after(WindowVerdict.NOT_MET, persistence)
        return replace(followed, standing=standing, confirmed=False)
    verdict = WindowVerdict.MET if finding.met else WindowVerdict.NOT_MET
    return replace(
        followed,
        standing=before.standing.after(verdict, persistence),
        confirmed=finding.evidence.confirmed,
        target=finding.target,
    )


def _change(
    detector: Detector[Any],
    scene: _Scene,
    contributor: Contributor,
    before: Followed,
    after: Followed,
    finding: Finding | None,
) -> AlarmChange:
    standing, end_ms = after.standing, scene.meta.window.end_ms
    evidence = msgspec.structs.replace(
        finding.evidence if finding else blank_evidence(scene.meta),
        windows_met=standing.windows_met,
        windows_seen=len(standing.verdicts),
    )
    words = finding.words if finding else _silence(detector, scene, contributor, evidence)
    alarm_id = alarm_id_of(detector.name, scene.subject, contributor)
    identity = "\x1f".join((alarm_id, standing.state, str(end_ms)))
    return AlarmChange(
        schema=ALARM_SCHEMA,
        id=hashlib.sha256(identity.encode()).hexdigest()[:32],
        alarm_id=alarm_id,
        detector=detector.name,
        subject=scene.subject,
        rule=scene.rule,
        rule_version=after.version,
        contributor=contributor,
        previous=before.standing.state,
        state=standing.state,
        changed_at=end_ms,
        target=after.target,
        action=detector.action,
        evidence=evidence,
        sentence=change_sentence(standing.state, words, evidence),
    )


def _silence(
    detector: Detector[Any], scene: _Scene, contributor: Contributor, evidence: Evidence
) -> str:
    name = plain_name(scene.subject.partition(":")[2])
    what = f"faults of {name}" if _is_fleet(scene.subject) else f"total of rule {name}"
    return silent_words(detector.who(contributor), what, evidence)
