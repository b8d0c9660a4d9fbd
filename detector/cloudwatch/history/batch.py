"""The changes that a batch of records makes to the history, computed before anything is written.

Law: for each subject and window end the first record counts, in the order of the records.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from detector.cloudwatch.history.rows import read_report, row_of
from detector.core.vocabulary import ReportResult
from detector.tables.reports import PaneReport, Report

HOUR_MS: Final = 3_600_000
StoredKey = tuple[int, int]
"""Number of the subject, end of the window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """Limits of the history; times in milliseconds.

    ``path`` ``None`` keeps it in memory. Reports with another pane or window length than
    ``pane_ms`` and ``window_ms`` are refused. ``contributors`` is stored per report at most;
    ``read_seconds`` bounds one query.
    """

    path: Path | None
    topic: str
    pane_ms: int
    window_ms: int
    retention_ms: int = 15 * 24 * HOUR_MS
    max_reports: int = 20_000_000
    max_subjects: int = 10_000
    contributors: int = 500
    memory_mebibytes: int = 512
    threads: int = 2
    read_seconds: float = 10.0

    @property
    def about(self) -> dict[str, str]:
        """The properties that a file must have been created with."""
        return {
            "topic": self.topic,
            "pane_ms": str(self.pane_ms),
            "window_ms": str(self.window_ms),
        }


@dataclass(frozen=True, slots=True)
class Fetched:
    """One record of the reports topic."""

    part: int
    offset: int
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Applied:
    """The result of a batch: number of records by result, and the new reports in order.

    Each new report is paired with its partition.
    """

    results: Counter[ReportResult]
    reports: tuple[tuple[int, Report], ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """One subject of the history; ``newest_ms`` is the end of its newest window."""

    number: int
    part: int
    labels: tuple[str, ...]
    newest_ms: int


@dataclass(slots=True)
class ReportBatch:
    """Everything that one transaction changes."""

    config: StoreConfig
    known: Mapping[str, Subject]
    next_number: int
    now_ms: int
    added: int = 0
    subjects: dict[str, Subject] = field(default_factory=dict)
    results: Counter[ReportResult] = field(default_factory=Counter)
    reports: list[tuple[int, Report]] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    seen: set[StoredKey] = field(default_factory=set)

    def add(
        self, records: Sequence[Fetched], find: Callable[[Sequence[StoredKey]], set[StoredKey]]
    ) -> None:
        """Add ``records``; ``find`` returns which of the given keys the history already has."""
        read = [(each.part, read_report(each.value)) for each in records]
        # Only reports that are not newer than the newest of their subject can be duplicates.
        old = [
            (subject.number, report.window_end)
            for _, report in read
            if report is not None
            and (subject := self.known.get(report.subject)) is not None
            and report.window_end <= subject.newest_ms
        ]
        self.seen = find(old) if old else set()
        self.results = Counter(self._add_report(part, report) for part, report in read)

    def _add_report(self, part: int, report: Report | None) -> ReportResult:
        if report is None:
            return ReportResult.UNREADABLE
        pane = report.pane
        if pane is None or not self._has_our_windows(report, pane):
            return ReportResult.OTHER_WINDOWS
        if report.window_end <= self.now_ms - self.config.retention_ms:
            return ReportResult.EXPIRED
        if report.window_end > self.now_ms + HOUR_MS:
            return ReportResult.FUTURE
        subject = self.subjects.get(report.subject) or self.known.get(report.subject)
        if subject is None:
            if len(self.known) + self.added >= self.config.max_subjects:
                return ReportResult.TOO_MANY_SUBJECTS
            subject = Subject(self.next_number + self.added, part, report.key_labels, 0)
            self.added += 1
        key = (subject.number, report.window_end)
        if key in self.seen:
            return ReportResult.DUPLICATE
        self.seen.add(key)
        self.subjects[report.subject] = replace(
            subject,
            part=part,
            labels=report.key_labels,
            newest_ms=max(subject.newest_ms, report.window_end),
        )
        self.rows.append(row_of(subject.number, report, pane, self.config.contributors))
        self.reports.append((part, report))
        return ReportResult.STORED

    def _has_our_windows(self, report: Report, pane: PaneReport) -> bool:
        config = self.config
        return (
            report.window_end % config.pane_ms == 0
            and report.window_end - report.window_start == config.window_ms
            and report.window_end - pane.start == config.pane_ms
        )
