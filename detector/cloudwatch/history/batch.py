"""What a batch of records would change in the history, judged before anything is written.

Law: of every subject and end of window the first record counts, in the order of the records.
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
"""Number of a subject and the end of a window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """What the history holds; times in milliseconds.

    ``path`` ``None`` keeps it in memory. ``pane_ms`` and ``window_ms`` are those of the reports;
    others are refused. ``read_seconds`` bounds one reading.
    """

    path: Path | None
    topic: str
    pane_ms: int
    window_ms: int
    retention_ms: int = 15 * 24 * HOUR_MS
    most_reports: int = 20_000_000
    most_subjects: int = 10_000
    contributors: int = 500
    memory_mebibytes: int = 512
    threads: int = 2
    read_seconds: float = 10.0

    @property
    def about(self) -> dict[str, str]:
        """What a file must have been made for."""
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
    """What became of a batch: how many records of each fate, and the new reports in order.

    Every new report comes with its partition.
    """

    fates: Counter[ReportResult]
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
    """Everything that one transaction is about to change."""

    config: StoreConfig
    known: Mapping[str, Subject]
    next_number: int
    now_ms: int
    added: int = 0
    subjects: dict[str, Subject] = field(default_factory=dict)
    fates: Counter[ReportResult] = field(default_factory=Counter)
    reports: list[tuple[int, Report]] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    seen: set[StoredKey] = field(default_factory=set)

    def judge(
        self, records: Sequence[Fetched], find: Callable[[Sequence[StoredKey]], set[StoredKey]]
    ) -> None:
        """Take ``records`` in; ``find`` returns which of some windows are in the history."""
        read = [(each.part, read_report(each.value)) for each in records]
        # Only what is not newer than its subject's newest can be there already.
        old = [
            (subject.number, report.window_end)
            for _, report in read
            if report is not None
            and (subject := self.known.get(report.subject)) is not None
            and report.window_end <= subject.newest_ms
        ]
        self.seen = find(old) if old else set()
        self.fates = Counter(self._take(part, report) for part, report in read)

    def _take(self, part: int, report: Report | None) -> ReportResult:
        if report is None:
            return ReportResult.UNREADABLE
        pane = report.pane
        if pane is None or not self._is_ours(report, pane):
            return ReportResult.OTHER_WINDOWS
        if report.window_end <= self.now_ms - self.config.retention_ms:
            return ReportResult.EXPIRED
        if report.window_end > self.now_ms + HOUR_MS:
            return ReportResult.FUTURE
        subject = self.subjects.get(report.subject) or self.known.get(report.subject)
        if subject is None:
            if len(self.known) + self.added >= self.config.most_subjects:
                return ReportResult.TOO_MANY_SUBJECTS
            subject = Subject(self.next_number + self.added, part, report.key_labels, 0)
            self.added += 1
        place = (subject.number, report.window_end)
        if place in self.seen:
            return ReportResult.DUPLICATE
        self.seen.add(place)
        self.subjects[report.subject] = replace(
            subject,
            part=part,
            labels=report.key_labels,
            newest_ms=max(subject.newest_ms, report.window_end),
        )
        self.rows.append(row_of(subject.number, report, pane, self.config.contributors))
        self.reports.append((part, report))
        return ReportResult.STORED

    def _is_ours(self, report: Report, pane: PaneReport) -> bool:
        config = self.config
        return (
            report.window_end % config.pane_ms == 0
            and report.window_end - report.window_start == config.window_ms
            and report.window_end - pane.start == config.pane_ms
        )
