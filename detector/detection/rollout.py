"""A detector and its switch: off, in shadow, or on.

Law: a detector in shadow computes and tells everything, and nothing that it says is ever confirmed
or asks for an action.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import msgspec

from detector.core.vocabulary import ActionKind, Switch
from detector.detection.config import EvaluateConfig
from detector.detection.findings import Contributor, Detector, Finding
from detector.detection.persistence import Persistence

View = TypeVar("View")


@dataclass(frozen=True, slots=True)
class DetectorSlot(Generic[View]):
    """One detector as it takes part."""

    detector: Detector[View]
    switch: Switch

    @property
    def name(self) -> str:
        """What alarms of this detector are called."""
        return self.detector.name

    @property
    def is_shadow(self) -> bool:
        """Say whether the detector is only tried out."""
        return self.switch is Switch.SHADOW

    @property
    def asks_for(self) -> ActionKind | None:
        """What its alarms would ask for if it were on."""
        return self.detector.action

    @property
    def action(self) -> ActionKind | None:
        """What its alarms ask for."""
        return None if self.is_shadow else self.detector.action

    def persistence(self, subject: str) -> Persistence | None:
        """Return in how many windows the condition must hold; ``None`` where it is switched off."""
        return None if self.switch is Switch.OFF else self.detector.persistence(subject)

    def who(self, contributor: Contributor) -> str:
        """Name a contributor in a sentence."""
        return self.detector.who(contributor)

    def examine(self, view: View, asked: Collection[Contributor]) -> Mapping[Contributor, Finding]:
        """Return what the detector finds; in shadow none of it is confirmed."""
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
