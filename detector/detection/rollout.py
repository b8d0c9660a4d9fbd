"""A detector and its switch: off, shadow, or on.

Law: a detector in shadow computes and publishes everything, but none of its findings is confirmed
and none of its alarms asks for an action.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import msgspec

from detector.core.vocabulary import ActionKind, Switch
from detector.detection.config import EvaluateConfig
from detector.detection.findings import Contributor, Detector, DetectorRole, Finding
from detector.detection.persistence import Persistence

View = TypeVar("View")


@dataclass(frozen=True, slots=True)
class DetectorSlot(Generic[View]):
    """One detector with its switch."""

    detector: Detector[View]
    switch: Switch

    @property
    def name(self) -> str:
        """Name of the detector in alarms."""
        return self.detector.name

    @property
    def is_shadow(self) -> bool:
        """Say whether the detector runs in shadow."""
        return self.switch is Switch.SHADOW

    @property
    def role(self) -> DetectorRole:
        """What its contributors are."""
        return self.detector.role

    @property
    def action(self) -> ActionKind | None:
        """Action that its alarms ask for."""
        return None if self.is_shadow else self.detector.action

    def persistence(self, subject: str) -> Persistence | None:
        """Return in how many windows the condition must hold; ``None`` where it is off."""
        return None if self.switch is Switch.OFF else self.detector.persistence(subject)

    def who(self, contributor: Contributor) -> str:
        """Name a contributor in a sentence."""
        return self.detector.who(contributor)

    def examine(self, view: View, asked: Collection[Contributor]) -> Mapping[Contributor, Finding]:
        """Return what the detector finds; nothing is confirmed in shadow."""
        findings = self.detector.examine(view, asked)
        if not self.is_shadow:
            return findings
        return {contributor: _unconfirmed(each) for contributor, each in findings.items()}


def slots_of(
    detectors: Iterable[Detector[View]], config: EvaluateConfig
) -> tuple[DetectorSlot[View], ...]:
    """Give each detector its switch."""
    return tuple(DetectorSlot(each, config.switch_of(each.name)) for each in detectors)


def _unconfirmed(finding: Finding) -> Finding:
    return replace(finding, evidence=msgspec.structs.replace(finding.evidence, confirmed=False))
