"""What a detector says of one contributor in one window, and the shape that every detector has.

Law: a detector sees one window and remembers nothing; persistence is the standing's. It answers for
every contributor that meets its condition, and for every one that it is asked about and that is in
the window.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec

from detector.domain.alarms import Evidence, Target
from detector.domain.reports import WindowMeta
from detector.domain.standing import Persistence
from detector.domain.vocabulary import ActionKind

Contributor = tuple[str, ...]
View_contra = TypeVar("View_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Finding:
    """One contributor in one window: whether the condition is met, with numbers and words.

    ``target`` is ``None`` for tables that name none. ``words`` is the middle of a sentence.
    """

    met: bool
    target: Target | None
    evidence: Evidence
    words: str


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


def blank_evidence(meta: WindowMeta) -> Evidence:
    """Return the evidence of a window that says nothing of a contributor."""
    return Evidence(
        window_start=meta.window.start_ms,
        window_end=meta.window.end_ms,
        total=0.0,
        value=0.0,
        share=0.0,
        threshold=0.0,
        runner_up=(),
        runner_up_share=0.0,
        requests=0.0,
        sample_count=0.0,
        p_value=1.0,
        rate_ratio=0.0,
        excess_faults=0.0,
        peers=0,
        fleet_hosts=0,
        zone_hosts=0,
        zones=0,
        suspects=0,
        windows_met=0,
        windows_seen=0,
        complete=meta.complete,
        partial=meta.partial,
        missing_partitions=meta.missing_partitions,
        confirmed=False,
    )


def with_numbers(meta: WindowMeta, **numbers: Any) -> Evidence:
    """Return evidence of a window with the given members set."""
    return msgspec.structs.replace(blank_evidence(meta), **numbers)
