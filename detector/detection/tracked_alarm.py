"""One tracked alarm: its state, what its last windows said, and the record of a change.

Law: the state follows from the last ``seen`` windows and the state before, by ``TRANSITIONS``.
An alarm ends only when none of those windows met the condition (or too few could say), so it cannot
flap. The identity of a change is made from alarm, state and window, so a replayed window gives the
same change.

What the last windows amount to (``WindowsSummary``), the first that holds:

- ``OFTEN``: at least ``required`` of them met the condition;
- ``UNKNOWN``: so many could not say that fewer than ``required`` of the others are left;
- ``SOME``: at least one met the condition, or hinted at it;
- ``NONE``: none did.

Drawing, made from the table (states down, summaries across)::

                        OFTEN   UNKNOWN             SOME      NONE
    ok                  alarm   insufficient_data   pending   ok
    pending             alarm   insufficient_data   pending   ok
    alarm               alarm   insufficient_data   alarm     ok
    insufficient_data   alarm   insufficient_data   pending   ok
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Any, Final

import msgspec

from detector.core.vocabulary import AlarmState, Culprit
from detector.detection.alarms import ALARM_SCHEMA, AlarmChange, Target, alarm_id_of
from detector.detection.evidence import Evidence
from detector.detection.explanations import change_sentence, plain_name, silent_words
from detector.detection.findings import Contributor, Finding, blank_evidence
from detector.detection.persistence import Persistence
from detector.detection.rollout import DetectorSlot
from detector.tables.reports import WindowMeta

AlarmKey = tuple[str, str]
"""Detector and subject."""


class WindowResult(StrEnum):
    """What one window says of an alarm's condition."""

    MET = "met"
    HINTED = "hinted"
    NOT_MET = "not_met"
    UNKNOWN = "unknown"


class WindowsSummary(StrEnum):
    """What the last windows amount to."""

    OFTEN = "often"
    UNKNOWN = "unknown"
    SOME = "some"
    NONE = "none"


TRANSITIONS: Final[dict[AlarmState, dict[WindowsSummary, AlarmState]]] = {
    state: {
        WindowsSummary.OFTEN: AlarmState.ALARM,
        WindowsSummary.UNKNOWN: AlarmState.INSUFFICIENT_DATA,
        WindowsSummary.SOME: (
            AlarmState.ALARM if state is AlarmState.ALARM else AlarmState.PENDING
        ),
        WindowsSummary.NONE: AlarmState.OK,
    }
    for state in AlarmState
}
_RESULT_BY_LETTER: Final = {result.value[0]: result for result in WindowResult}
_OFF: Final = Persistence(required=1, seen=1)
"""A detector that is switched off examines nothing, so one window is enough to end its alarms."""


class WindowQuality(Enum):
    """How much a window can say of a subject."""

    TRUSTWORTHY = "trustworthy"
    UNTRUSTWORTHY = "untrustworthy"
    """Incomplete or partial: no detector examines it."""
    EMPTY = "empty"
    """The subject logged nothing in it."""


@dataclass(frozen=True, slots=True)
class SubjectWindow:
    """One subject in one window, and what the detector found there."""

    subject: str
    meta: WindowMeta
    quality: WindowQuality
    findings: Mapping[Contributor, Finding]
    rule: str = ""
    version: str = ""

    @property
    def is_fleet(self) -> bool:
        """Whether the subject is a fleet and not a contributor rule."""
        return is_fleet(self.subject)

    @property
    def end_ms(self) -> int:
        """End of the window in epoch milliseconds."""
        return self.meta.window.end_ms


def is_fleet(subject: str) -> bool:
    """Return whether a subject is a fleet and not a contributor rule."""
    return subject.startswith("fleet:")


def window_quality(meta: WindowMeta, *, has_data: bool) -> WindowQuality:
    """Return the quality of a window in which the subject has data, or has none."""
    if not has_data:
        return WindowQuality.EMPTY
    return WindowQuality.TRUSTWORTHY if meta.trustworthy else WindowQuality.UNTRUSTWORTHY


@dataclass(frozen=True, slots=True)
class TrackedAlarm:
    """The alarm of one detector, subject and contributor.

    ``results`` are those of the last windows, the newest last. ``confirmed``: the confirming test
    agreed in the last window that said anything; ``frozen``: a wider cause held the alarm back in
    it. ``version`` is that of the rule. ``last_published_ms``: end of the window whose change was
    published last.
    """

    state: AlarmState = AlarmState.OK
    results: tuple[WindowResult, ...] = ()
    confirmed: bool = False
    target: Target | None = None
    version: str = ""
    last_published_ms: int = 0
    frozen: bool = False

    @property
    def windows_met(self) -> int:
        """In how many of the last windows the condition held."""
        return self.results.count(WindowResult.MET)

    @property
    def is_forgettable(self) -> bool:
        """Whether a new alarm would behave the same."""
        return self.state is AlarmState.OK and self.windows_met == 0

    def after_result(self, result: WindowResult, persistence: Persistence) -> "TrackedAlarm":
        """Return the alarm after one more window, by the table."""
        results = (*self.results, result)[-persistence.seen :]
        state = TRANSITIONS[self.state][summary_of(results, persistence)]
        return replace(self, state=state, results=results)

    def after_silence(self, persistence: Persistence) -> "TrackedAlarm":
        """Return the alarm after a window without any data of the subject.

        No other window may follow soon, so earlier windows no longer count.
        """
        calm = self.state is AlarmState.OK
        state = AlarmState.OK if calm else AlarmState.INSUFFICIENT_DATA
        return replace(self, state=state, results=(WindowResult.UNKNOWN,) * persistence.seen)

    def after_gap(self, persistence: Persistence) -> "TrackedAlarm":
        """Return the alarm before a window that no evaluated window overlaps."""
        return replace(self, results=(WindowResult.UNKNOWN,) * persistence.seen)

    def after_window(
        self, window: SubjectWindow, contributor: Contributor, persistence: Persistence | None
    ) -> "TrackedAlarm":
        """Return the alarm after ``window``; without ``persistence`` the detector is off."""
        before = replace(self, version=window.version or self.version)
        if persistence is None:
            return before.after_silence(_OFF)
        if window.quality is WindowQuality.EMPTY:
            return before.after_silence(persistence)
        if window.quality is WindowQuality.UNTRUSTWORTHY:
            return before.after_result(WindowResult.UNKNOWN, persistence)
        finding = window.findings.get(contributor)
        if finding is None:
            calm = replace(before, confirmed=False, frozen=False)
            return calm.after_result(WindowResult.NOT_MET, persistence)
        examined = replace(
            before,
            confirmed=finding.evidence.confirmed,
            target=finding.target,
            frozen=_is_frozen(finding),
        )
        return examined.after_result(_result_of(finding), persistence)

    def is_news(
        self,
        before: "TrackedAlarm",
        window: SubjectWindow,
        *,
        requests_action: bool,
        restate_seconds: float,
    ) -> bool:
        """Return whether the change from ``before`` to this alarm must be published.

        It must when the state changed, and when an active alarm is confirmed or held back
        differently, so that the decider knows before it acts. A confirmed alarm that requests an
        action is published again after ``restate_seconds``, on fresh evidence only.
        """
        if self.state is not before.state:
            return True
        if self.state is not AlarmState.ALARM:
            return False
        is_due = (
            window.quality is WindowQuality.TRUSTWORTHY
            and requests_action
            and self.confirmed
            and window.end_ms - before.last_published_ms >= restate_seconds * 1000
        )
        return is_due or (self.confirmed, self.frozen) != (before.confirmed, before.frozen)

    def change(
        self,
        before: "TrackedAlarm",
        detector: DetectorSlot[Any],
        window: SubjectWindow,
        contributor: Contributor,
    ) -> AlarmChange:
        """Return the record of the change from ``before`` to this alarm."""
        finding = window.findings.get(contributor)
        evidence = msgspec.structs.replace(
            finding.evidence if finding else blank_evidence(window.meta),
            windows_met=self.windows_met,
            windows_seen=len(self.results),
        )
        words = finding.words if finding else _no_data(detector, window, contributor, evidence)
        sentence = change_sentence(self.state, words, evidence)
        alarm_id = alarm_id_of(detector.name, window.subject, contributor)
        identity = "\x1f".join((alarm_id, self.state, str(window.end_ms)))
        return AlarmChange(
            schema=ALARM_SCHEMA,
            id=hashlib.sha256(identity.encode()).hexdigest()[:32],
            alarm_id=alarm_id,
            detector=detector.name,
            subject=window.subject,
            rule=window.rule,
            rule_version=self.version,
            contributor=contributor,
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

    def row(self) -> list[Any]:
        """Return the alarm as plain values, for a snapshot."""
        target = self.target
        return [
            self.state.value,
            "".join(result.value[0] for result in self.results),
            self.confirmed,
            self.version,
            None if target is None else list(msgspec.structs.astuple(target)),
            self.last_published_ms,
            self.frozen,
        ]

    @staticmethod
    def from_row(row: Sequence[Any]) -> "TrackedAlarm":
        """Return the alarm of a row; rows of earlier releases end before ``frozen``."""
        state, letters, confirmed, version, target, last_published_ms = row[:6]
        return TrackedAlarm(
            AlarmState(state),
            tuple(_RESULT_BY_LETTER[letter] for letter in letters),
            confirmed,
            Target(*target) if target else None,
            version,
            last_published_ms,
            frozen=row[6:] == [True],
        )


def summary_of(results: tuple[WindowResult, ...], persistence: Persistence) -> WindowsSummary:
    """Sum up the last windows."""
    met = results.count(WindowResult.MET)
    if met >= persistence.required:
        return WindowsSummary.OFTEN
    if results.count(WindowResult.UNKNOWN) > persistence.seen - persistence.required:
        return WindowsSummary.UNKNOWN
    hinted = met or WindowResult.HINTED in results
    return WindowsSummary.SOME if hinted else WindowsSummary.NONE


def _result_of(finding: Finding) -> WindowResult:
    if finding.met:
        return WindowResult.MET
    return WindowResult.HINTED if finding.hinted else WindowResult.NOT_MET


def _is_frozen(finding: Finding) -> bool:
    """Return whether a cause wider than the finding's own holds it back."""
    verdict, target = finding.verdict, finding.target
    is_host = target is not None and bool(target.host)
    of_zone = verdict is not None and verdict.kind is Culprit.ZONE
    return finding.evidence.fleet_event or (is_host and of_zone)


def _no_data(
    detector: DetectorSlot[Any], window: SubjectWindow, contributor: Contributor, evidence: Evidence
) -> str:
    name = plain_name(window.subject.partition(":")[2])
    what = f"faults of {name}" if window.is_fleet else f"total of rule {name}"
    return silent_words(detector.who(contributor), what, evidence)
