"""What a detector says of one contributor in one window, and the shape that every detector has.

Law: a detector sees one window at a time; persistence is the standing's. It answers for every
contributor that meets its condition, and for every one that it is asked about and that is in the
window. What it remembers between windows, if anything, is ``Stateful``: it is a function of the
windows examined, in their order, and of nothing else, so that a restart changes nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from detector.core.diagnosis import Diagnosis
from detector.core.vocabulary import ActionKind
from detector.detection.alarms import Target
from detector.detection.evidence import Evidence, Measure, NoMeasure
from detector.detection.state_machine import Persistence
from detector.tables.reports import WindowMeta

Contributor = tuple[str, ...]
View_contra = TypeVar("View_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Finding:
    """One contributor in one window: whether the condition is met, with numbers and words.

    ``target`` is ``None`` for tables that name none. ``words`` is the middle of a sentence.
    ``hinted``: not met, and yet worth telling as pending. ``verdict`` is what all detectors
    together say of the contributor; a detector leaves it out.
    """

    met: bool
    target: Target | None
    evidence: Evidence
    words: str
    hinted: bool = False
    verdict: Diagnosis | None = None


class Detector(Protocol[View_contra]):
    """One way of finding trouble; detectors stand side by side and do not know each other."""

    @property
    def name(self) -> str:
        """What alarms of this detector are called."""
        ...

    @property
    def action(self) -> ActionKind | None:
        """What its alarms ask for."""
        ...

    def persistence(self, subject: str) -> Persistence | None:
        """Return in how many windows the condition must hold; ``None`` where it is switched off."""
        ...

    def who(self, contributor: Contributor) -> str:
        """Name a contributor in a sentence."""
        ...

    def examine(
        self, view: View_contra, asked: Collection[Contributor]
    ) -> Mapping[Contributor, Finding]:
        """Return findings of a trustworthy window that is not empty."""
        ...


@runtime_checkable
class Stateful(Protocol):
    """What a detector has besides when it remembers; its name is then no other detector's.

    Windows that cannot be trusted, or in which nothing was heard, are not examined: a detector
    notices the gap by the times of the window that follows.
    """

    def snapshot(self) -> Any:
        """Return all that is remembered as plain data (lists, dicts, texts, numbers).

        Bounded whatever the logs say: the standings of a partition and all memories together must
        stay below 900 kB compressed, so remember hosts only that there is evidence against.
        """
        ...

    def restore(self, plain: Any) -> None:
        """Go on from what ``snapshot`` gave."""
        ...


def blank_evidence(meta: WindowMeta) -> Evidence:
    """Return the evidence of a window that says nothing of a contributor."""
    return evidence_of(meta, NoMeasure())


def evidence_of(meta: WindowMeta, measure: Measure, **head: Any) -> Evidence:
    """Return the evidence of a window with its measure, and with the given members of the head."""
    return Evidence(
        window_start=meta.window.start_ms,
        window_end=meta.window.end_ms,
        complete=meta.complete,
        partial=meta.partial,
        missing_partitions=meta.missing_partitions,
        measure=measure,
        **head,
    )
