"""Which subject is judged in which window, and how much that window says of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from detector.detection.findings import Contributor, Finding
from detector.tables.reports import WindowMeta


class WindowQuality(Enum):
    """How much a window says of a subject when no detector can examine it."""

    NOTHING_WRONG = "nothing_wrong"
    UNKNOWN = "unknown"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class SubjectWindow:
    """One subject in one window, and what the detector found there, if it could."""

    subject: str
    meta: WindowMeta
    hearing: WindowQuality
    findings: Mapping[Contributor, Finding]
    rule: str = ""
    version: str = ""

    @property
    def is_fleet(self) -> bool:
        """Say whether the subject is a fleet, and not a contributor rule."""
        return is_fleet(self.subject)


def is_fleet(subject: str) -> bool:
    """Say whether a subject is a fleet, and not a contributor rule."""
    return subject.startswith("fleet:")


def window_quality(meta: WindowMeta, *, is_heard: bool) -> WindowQuality:
    """Return how much a window says: nothing at all, nothing certain, or all there is."""
    if not is_heard:
        return WindowQuality.SILENT
    return WindowQuality.NOTHING_WRONG if meta.trustworthy else WindowQuality.UNKNOWN
