"""One tracked alarm: its state, how a window changes it, and the record of that change.

Law: the identity of a change is made from alarm, state and window, so a replayed window makes the
same change again.

An alarm belongs to one detector, subject and contributor. It changes in three ways: by a window of
its subject (``after_window``), by a whole window without data (``after_silence``), and by a gap
before the next window (``after_gap``). ``state_machine`` holds the table of its states.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

import msgspec

from detector.core.vocabulary import AlarmState, Culprit
from detector.detection.alarms import ALARM_SCHEMA, AlarmChange, Evidence, Target, alarm_id_of
from detector.detection.explanations import change_sentence, plain_name, silent_words
from detector.detection.findings import Contributor, Finding, blank_evidence
from detector.detection.rollout import DetectorSlot
from detector.detection.state_machine import TRANSITIONS, Persistence, WindowResult, summary_of
from detector.tables.reports import WindowMeta

AlarmKey = tuple[str, str]
"""Detector and subject."""

_RESULT_BY_LETTER: Final = {result.value[0]: result for result in WindowResult}
_SWITCHED_OFF: Final = Persistence(required=1, seen=1)


class WindowQuality(Enum):
    """How far a window can be relied on for one subject; detectors examine trustworthy ones."""

    TRUSTWORTHY = "trustworthy"
    UNTRUSTWORTHY = "untrustworthy"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class SubjectWindow:
    """One subject in one window, and what one detector found there.

    ``findings`` is empty unless the window is trustworthy; ``rule`` and ``rule_version`` are empty
    for fleets.
    """

    subject: str
    meta: WindowMeta
    quality: WindowQuality
    findings: Mapping[Contributor, Finding]
    rule: str = ""
    rule_version: str = ""

    @property
    def end_ms(self) -> int:
        """End of the window in epoch ms."""
        return self.meta.window.end_ms


def is_fleet(subject: str) -> bool:
    """Say whether a subject is a fleet, not a contributor rule."""
    return subject.startswith("fleet:")


def window_quality(meta: WindowMeta, *, has_data: bool) -> WindowQuality:
    """Return the quality of a window; ``has_data``: it holds events of the subject."""
    if not has_data:
        return WindowQuality.EMPTY
    return WindowQuality.TRUSTWORTHY if meta.trustworthy else WindowQuality.UNTRUSTWORTHY


@dataclass(frozen=True, slots=True)
class TrackedAlarm:
    """State of one alarm and the results of its last windows, newest last.

    ``confirmed``: the confirming test agreed in the last window that says something. ``frozen``: a
    wider cause held the alarm back in that window. ``last_published_ms``: end of the window whose
    change was published last, 0 before the first.
    """

    detector: str
    subject: str
    contributor: Contributor
    state: AlarmState = AlarmState.OK
    results: tuple[WindowResult, ...] = ()
    confirmed: bool = False
    target: Target | None = None
    rule_version: str = ""
    last_published_ms: int = 0
    frozen: bool = False

    @property
    def key(self) -> AlarmKey:
        """Detector and subject."""
        return self.detector, self.subject

    @property
    def alarm_id(self) -> str:
        """Identity of the alarm in published records."""
        return alarm_id_of(self.detector, self.subject, self.contributor)

    @property
    def windows_met(self) -> int:
        """Number of the last windows that met the condition."""
        return self.results.count(WindowResult.MET)

    @property
    def is_forgettable(self) -> bool:
        """Say whether a new alarm would behave the same."""
        return self.state is AlarmState.OK and self.windows_met == 0

    def after_window(
        self, window: SubjectWindow, persistence: Persistence | None
    ) -> "TrackedAlarm":
        """Return the alarm after one more window; ``persistence`` is ``None`` when switched off."""
        alarm = replace(self, rule_version=window.rule_version or self.rule_version)
        if persistence is None:
            return alarm.after_silence(_SWITCHED_OFF)
        if window.quality is WindowQuality.EMPTY:
            return alarm.after_silence(persistence)
        if window.quality is WindowQuality.UNTRUSTWORTHY:
            return alarm.after_result(WindowResult.UNKNOWN, persistence)
        finding = window.findings.get(self.contributor)
        if finding is None:
            alarm = replace(alarm, confirmed=False, frozen=False)
            return alarm.after_result(WindowResult.NOT_MET, persistence)
        alarm = replace(
            alarm,
            confirmed=finding.evidence.confirmed,
            target=finding.target,
            frozen=_is_frozen(finding),
        )
        return alarm.after_result(_result_of(finding), persistence)

    def after_result(self, result: WindowResult, persistence: Persistence) -> "TrackedAlarm":
        """Return the alarm after a window with this result."""
        results = (*self.results, result)[-persistence.seen :]
        state = TRANSITIONS[self.state][summary_of(results, persistence)]
        return replace(self, state=state, results=results)

    def after_silence(self, persistence: Persistence) -> "TrackedAlarm":
        """Return the alarm after a whole window without data of its subject.

        The next window may be far away, so results from before the silence no longer count.
        """
        is_ok = self.state is AlarmState.OK
        state = AlarmState.OK if is_ok else AlarmState.INSUFFICIENT_DATA
        return replace(self, state=state).after_gap(persistence)

    def after_gap(self, persistence: Persistence) -> "TrackedAlarm":
        """Return the alarm before a window that overlaps no evaluated window."""
        return replace(self, results=(WindowResult.UNKNOWN,) * persistence.seen)

    def must_be_published(
        self,
        before: "TrackedAlarm",
        window: SubjectWindow,
        detector: DetectorSlot[Any],
        restate_ms: float,
    ) -> bool:
        """Say whether the change from ``before``, made by ``window``, must be published.

        It must when the state changes, or when a raised alarm becomes confirmed or frozen or stops
        being so: the decider must know of a shared cause before it acts. A confirmed alarm that
        asks for an action is also restated, ``restate_ms`` after its last record at the earliest.
        """
        if self.state is not before.state:
            return True
        if self.state is not AlarmState.ALARM:
            return False
        if (self.confirmed, self.frozen) != (before.confirmed, before.frozen):
            return True
        return (
            # Without an examined window there is no fresh evidence to restate.
            window.quality is WindowQuality.TRUSTWORTHY
            and detector.action is not None
            and self.confirmed
            and window.end_ms - before.last_published_ms >= restate_ms
        )

    def change_from(
        self, before: "TrackedAlarm", window: SubjectWindow, detector: DetectorSlot[Any]
    ) -> AlarmChange:
        """Return the record of the change from ``before``, made by ``window``."""
        finding = window.findings.get(self.contributor)
        evidence = msgspec.structs.replace(
            finding.evidence if finding else blank_evidence(window.meta),
            windows_met=self.windows_met,
            windows_seen=len(self.results),
        )
        words = finding.words if finding else self._words_without_finding(detector, evidence)
        sentence = change_sentence(self.state, words, evidence)
        identity = "\x1f".join((self.alarm_id, self.state, str(window.end_ms)))
        return AlarmChange(
            schema=ALARM_SCHEMA,
            id=hashlib.sha256(identity.encode()).hexdigest()[:32],
            alarm_id=self.alarm_id,
            detector=self.detector,
            subject=self.subject,
            rule=window.rule,
            rule_version=self.rule_version,
            contributor=self.contributor,
            previous=before.state,
            state=self.state,
            changed_at=window.end_ms,
            target=self.target,
            action=detector.action,
            evidence=evidence,
            sentence=f"shadow: {sentence}" if detector.is_shadow else sentence,
            shadow=detector.is_shadow,
            verdict=finding.verdict if finding else None,
        )

    def _words_without_finding(self, detector: DetectorSlot[Any], evidence: Evidence) -> str:
        name = plain_name(self.subject.partition(":")[2])
        what = f"faults of {name}" if is_fleet(self.subject) else f"total of rule {name}"
        return silent_words(detector.who(self.contributor), what, evidence)

    def row(self) -> list[Any]:
        """Return the alarm as a list of plain values; results are written by first letter."""
        target = self.target
        return [
            self.detector,
            self.subject,
            list(self.contributor),
            self.state.value,
            "".join(result.value[0] for result in self.results),
            self.confirmed,
            self.rule_version,
            None if target is None else list(msgspec.structs.astuple(target)),
            self.last_published_ms,
            self.frozen,
        ]

    @classmethod
    def from_row(cls, row: list[Any]) -> "TrackedAlarm":
        """Read what ``row`` returned; rows of earlier releases end before ``frozen``."""
        detector, subject, contributor, state, letters, confirmed, version, target = row[:8]
        return cls(
            detector,
            subject,
            tuple(contributor),
            AlarmState(state),
            tuple(_RESULT_BY_LETTER[letter] for letter in letters),
            confirmed,
            Target(*target) if target else None,
            version,
            row[8],
            row[9:] == [True],
        )


def _is_frozen(finding: Finding) -> bool:
    """Say whether a wider cause than the finding's own holds the alarm back."""
    verdict, target = finding.verdict, finding.target
    is_host = target is not None and bool(target.host)
    of_zone = verdict is not None and verdict.kind is Culprit.ZONE
    return finding.evidence.fleet_event or (is_host and of_zone)


def _result_of(finding: Finding) -> WindowResult:
    if finding.met:
        return WindowResult.MET
    return WindowResult.HINTED if finding.hinted else WindowResult.NOT_MET
