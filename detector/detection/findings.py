"""A finding: what a detector says of one contributor in one window; and the interface of detectors.

Law: a detector sees one window at a time; the tracked alarm counts persistence. A detector answers
for every contributor that meets its condition, and for every contributor in ``asked`` that is in
the window. What it keeps between windows, if anything, makes it ``Stateful``: a function of the
windows examined, in order, and of nothing else, so that a restart changes nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, TypeVar, runtime_checkable

from detector.core.diagnosis import Diagnosis
from detector.core.vocabulary import ActionKind
from detector.detection.alarms import Target
from detector.detection.evidence import Evidence, Measure, NoMeasure
from detector.detection.persistence import Persistence
from detector.tables.reports import WindowMeta

Contributor = tuple[str, ...]
View_contra = TypeVar("View_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Finding:
    """One contributor in one window: whether the condition is met, with numbers and words.

    ``target`` is ``None`` for tables without targets. ``words`` is the middle of a sentence.
    ``hinted``: the condition is not met, but the alarm should be pending. ``verdict`` is the
    diagnosis of all detectors together; a detector leaves it out.
    """

    met: bool
    target: Target | None
    evidence: Evidence
    words: str
    hinted: bool = False
    verdict: Diagnosis | None = None


class DetectorRole(Enum):
    """What a detector's contributors are, which decides their place in the diagnosis."""

    HOST = "host"
    ZONE = "zone"
    CALLER = "caller"
    FLEET = "fleet"
    TELEMETRY = "telemetry"
    """Hosts or zones that are silent: trouble, and nobody's fault yet."""
    CONTRIBUTOR = "contributor"
    """Contributors of a rule, which stand outside the diagnosis."""


class Detector(Protocol[View_contra]):
    """One way to find trouble. Detectors are independent and do not know each other."""

    @property
    def name(self) -> str:
        """The name that its alarms, its switch and its metrics carry."""
        ...

    @property
    def role(self) -> DetectorRole:
        """What its contributors are."""
        ...

    @property
    def action(self) -> ActionKind | None:
        """The action that its alarms request, if any."""
        ...

    def persistence(self, subject: str) -> Persistence | None:
        """Return in how many windows the condition must hold; ``None`` when switched off."""
        ...

    def who(self, contributor: Contributor) -> str:
        """Return the words that name a contributor in a sentence."""
        ...

    def examine(
        self, view: View_contra, asked: Collection[Contributor]
    ) -> Mapping[Contributor, Finding]:
        """Return the findings of a trustworthy window that is not empty."""
        ...


@runtime_checkable
class Stateful(Protocol):
    """What a detector that keeps state has besides.

    Windows that are untrustworthy or empty are not examined: a detector recognises the gap by the
    times of the next window.
    """

    def snapshot(self) -> Any:
        """Return the state as plain data (lists, dicts, texts, numbers).

        It is bounded, whatever the logs contain: all tracked alarms of a partition and the states
        of all detectors together stay below 900 kB compressed, so keep only hosts with evidence
        against them.
        """
        ...

    def restore(self, plain: Any) -> None:
        """Continue from a snapshot."""
        ...


def blank_evidence(meta: WindowMeta) -> Evidence:
    """Return evidence for a window that says nothing of a contributor."""
    return evidence_of(meta, NoMeasure())


def evidence_of(meta: WindowMeta, measure: Measure, **head: Any) -> Evidence:
    """Return evidence with a measure, and with the given members of the head."""
    return Evidence(
        window_start=meta.window.start_ms,
        window_end=meta.window.end_ms,
        complete=meta.complete,
        partial=meta.partial,
        missing_partitions=meta.missing_partitions,
        measure=measure,
        **head,
    )
