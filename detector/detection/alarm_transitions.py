"""What becomes of one standing in one window, and the record that tells of it.

Law: the identity of a change is made from alarm, state and window, so a replayed window makes the
same change again.
"""

import hashlib
from dataclasses import replace
from typing import Any

import msgspec

from detector.core.vocabulary import Culprit
from detector.detection.alarm_store import TrackedAlarm
from detector.detection.alarms import ALARM_SCHEMA, AlarmChange, alarm_id_of
from detector.detection.evidence import Evidence
from detector.detection.explanations import change_sentence, plain_name, silent_words
from detector.detection.findings import Contributor, Finding, blank_evidence
from detector.detection.rollout import DetectorSlot
from detector.detection.scenes import SubjectWindow, WindowQuality
from detector.detection.state_machine import Persistence, WindowResult


def followed_after(
    before: TrackedAlarm,
    finding: Finding | None,
    scene: SubjectWindow,
    persistence: Persistence | None,
) -> TrackedAlarm:
    """Return what is to be remembered of a contributor after one window."""
    followed = replace(before, version=scene.version or before.version)
    if persistence is None:
        off = Persistence(required=1, seen=1)
        return replace(followed, standing=before.standing.after_silence(off))
    if scene.hearing is WindowQuality.SILENT:
        return replace(followed, standing=before.standing.after_silence(persistence))
    if scene.hearing is WindowQuality.UNKNOWN:
        standing = before.standing.after(WindowResult.UNKNOWN, persistence)
        return replace(followed, standing=standing)
    if finding is None:
        standing = before.standing.after(WindowResult.NOT_MET, persistence)
        return replace(followed, standing=standing, confirmed=False, frozen=False)
    return replace(
        followed,
        standing=before.standing.after(_verdict_of(finding), persistence),
        confirmed=finding.evidence.confirmed,
        target=finding.target,
        frozen=_is_frozen(finding),
    )


def _is_frozen(finding: Finding) -> bool:
    """Say whether a wider cause than the finding's own holds it back."""
    verdict, target = finding.verdict, finding.target
    is_host = target is not None and bool(target.host)
    of_zone = verdict is not None and verdict.kind is Culprit.ZONE
    return finding.evidence.fleet_event or (is_host and of_zone)


def _verdict_of(finding: Finding) -> WindowResult:
    if finding.met:
        return WindowResult.MET
    return WindowResult.HINTED if finding.hinted else WindowResult.NOT_MET


def change_of(
    detector: DetectorSlot[Any],
    scene: SubjectWindow,
    contributor: Contributor,
    before: TrackedAlarm,
    after: TrackedAlarm,
) -> AlarmChange:
    """Write down that the standing of ``contributor`` went from ``before`` to ``after``."""
    standing, end_ms = after.standing, scene.meta.window.end_ms
    finding = scene.findings.get(contributor)
    evidence = msgspec.structs.replace(
        finding.evidence if finding else blank_evidence(scene.meta),
        windows_met=standing.windows_met,
        windows_seen=len(standing.verdicts),
    )
    words = finding.words if finding else _silence(detector, scene, contributor, evidence)
    sentence = change_sentence(standing.state, words, evidence)
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
        sentence=f"shadow: {sentence}" if detector.is_shadow else sentence,
        shadow=detector.is_shadow,
        verdict=finding.verdict if finding else None,
    )


def _silence(
    detector: DetectorSlot[Any], scene: SubjectWindow, contributor: Contributor, evidence: Evidence
) -> str:
    name = plain_name(scene.subject.partition(":")[2])
    what = f"faults of {name}" if scene.is_fleet else f"total of rule {name}"
    return silent_words(detector.who(contributor), what, evidence)
