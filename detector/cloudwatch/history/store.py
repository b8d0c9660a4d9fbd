"""The history of reports: one row per report, the first for each subject and window.

Law: a batch of reports and the offsets after it are one transaction; the state in memory changes
only after the commit.

Known limits: reports that ended more than ``retention_ms`` ago are refused or removed, and so are
the oldest hours while there are more than ``max_reports``. DuckDB reuses the space of removed rows,
so the file stops growing but does not shrink.
"""

import threading
from collections.abc import Callable, Mapping, Sequence

import duckdb

from detector.cloudwatch.history.batch import (
    HOUR_MS,
    Applied,
    Fetched,
    ReportBatch,
    StoreConfig,
    StoredKey,
    Subject,
)
from detector.cloudwatch.history.database import StoreError, open_database
from detector.cloudwatch.history.rows import TYPES
from detector.cloudwatch.metrics.key_text import key_text, keys_of

_INSERT = "INSERT INTO reports SELECT " + ", ".join(
    f"unnest(${number}::{kind}[])" for number, kind in enumerate(TYPES, start=1)
)


class ReportStore:
    """The history of one reports topic; threads may read while one thread writes.

    Raises ``StoreError`` when the file can be neither used nor replaced, ``StoreInUseError`` when
    another process holds it. ``on_set_aside`` gets the reason when an existing file is set aside.
    """

    def __init__(
        self,
        config: StoreConfig,
        *,
        read_only: bool = False,
        on_set_aside: Callable[[str], None] = lambda _why: None,
    ) -> None:
        self.config = config
        self._read_only = read_only
        self._on_set_aside = on_set_aside
        self._lock = threading.Lock()
        self._count = 0
        self._oldest_ms = 0
        self._open()

    @property
    def offsets(self) -> dict[int, int]:
        """Next offset to read, by partition."""
        return dict(self._offsets)

    @property
    def complete_until_ms(self) -> dict[int, int]:
        """End of the newest slide that was complete when the file was opened, by partition."""
        return dict(self._complete_until_ms)

    @property
    def count(self) -> int:
        """Number of reports held."""
        return self._count

    @property
    def oldest_ms(self) -> int:
        """End of the oldest window held; 0 when empty."""
        return self._oldest_ms

    @property
    def subjects(self) -> Mapping[str, Subject]:
        """All subjects held, by name."""
        return dict(self._subjects)

    def subject(self, name: str) -> Subject | None:
        """Return a subject; ``None`` when unknown."""
        return self._subjects.get(name)

    def reader(self) -> duckdb.DuckDBPyConnection:
        """Return a cursor on the committed data; close it after use."""
        with self._lock:
            return self._connection.cursor()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def reopen(self) -> None:
        """Close and reopen the file; one that can no longer be used is set aside."""
        with self._lock:
            self._connection.close()
            self._open()

    def apply(self, records: Sequence[Fetched], now_ms: int) -> Applied:
        """Store records in order; raises ``StoreError`` when none of them could be stored."""
        offsets = {each.part: each.offset + 1 for each in records}
        with self._lock:
            batch = ReportBatch(self.config, self._subjects, self._next_number, now_ms)
            try:
                batch.add(records, self._held)
                self._write(batch, offsets)
            except duckdb.Error as error:
                raise StoreError(f"{self.config.path} cannot be written: {error}") from error
            self._offsets.update(offsets)
            self._subjects.update(batch.subjects)
            self._next_number += batch.added
            self._count += len(batch.rows)
            for _, report in batch.reports:
                self._oldest_ms = min(self._oldest_ms or report.window_end, report.window_end)
        return Applied(batch.results, tuple(batch.reports))

    def trim(self, now_ms: int) -> int:
        """Remove reports beyond the limits; return how many. Raises ``StoreError``."""
        with self._lock:
            before = self._count
            try:
                oldest = max(now_ms - self.config.retention_ms, self._surplus_ms())
                if self._oldest_ms and self._oldest_ms <= oldest:
                    self._remove(oldest)
            except duckdb.Error as error:
                raise StoreError(f"{self.config.path} cannot be trimmed: {error}") from error
            return before - self._count

    def _open(self) -> None:
        config = self.config
        opened = open_database(
            config.path,
            config.about,
            memory_mebibytes=config.memory_mebibytes,
            threads=config.threads,
            read_only=self._read_only,
        )
        self._connection = opened.connection
        if opened.set_aside:
            self._on_set_aside(opened.set_aside)
        try:
            self._load_state()
        except duckdb.Error as error:
            self._connection.close()
            raise StoreError(f"{config.path} cannot be read: {error}") from error

    def _load_state(self) -> None:
        """Load the state in memory from the file."""
        execute = self._connection.execute
        self._offsets: dict[int, int] = dict(
            execute("SELECT part, next_offset FROM offsets").fetchall()
        )
        newest = dict(
            execute("SELECT subject, max(window_end) FROM reports GROUP BY subject").fetchall()
        )
        rows = execute("SELECT id, subject, part, labels FROM subjects").fetchall()
        self._subjects = {
            keys_of(name)[0]: Subject(number, part, keys_of(labels), newest.get(number, 0))
            for number, name, part, labels in rows
        }
        self._next_number = max((number for number, *_ in rows), default=-1) + 1
        [[count, oldest_ms]] = execute(
            "SELECT count(*), coalesce(min(window_end), 0) FROM reports"
        ).fetchall()
        self._count, self._oldest_ms = int(count), int(oldest_ms)
        self._complete_until_ms = self._complete_slides(max(newest.values(), default=0))

    def _complete_slides(self, newest_ms: int) -> dict[int, int]:
        found = self._connection.execute(
            "SELECT part, window_end, count(*), max(slide_reports) FROM reports "
            "JOIN subjects ON subjects.id = reports.subject WHERE window_end > $1 "
            "GROUP BY part, window_end ORDER BY part, window_end",
            [newest_ms - HOUR_MS],
        ).fetchall()
        return {part: end_ms for part, end_ms, count, expected in found if 0 < expected <= count}

    def _held(self, keys: Sequence[StoredKey]) -> set[StoredKey]:
        numbers, ends = zip(*keys, strict=True)
        found = self._connection.execute(
            "SELECT subject, window_end FROM reports WHERE window_end BETWEEN $1 AND $2 "
            "AND subject IN (SELECT unnest($3::INTEGER[]))",
            [min(ends), max(ends), sorted(set(numbers))],
        ).fetchall()
        return set(found)

    def _write(self, batch: ReportBatch, offsets: Mapping[int, int]) -> None:
        changed = {
            name: subject
            for name, subject in batch.subjects.items()
            if (old := self._subjects.get(name)) is None
            or (old.part, old.labels) != (subject.part, subject.labels)
        }
        parts = list(offsets)
        with _Transaction(self._connection) as run:
            if changed:
                numbers = [each.number for each in changed.values()]
                run("DELETE FROM subjects WHERE id IN (SELECT unnest($1::INTEGER[]))", [numbers])
                run(
                    "INSERT INTO subjects SELECT unnest($1::INTEGER[]), unnest($2::VARCHAR[]), "
                    "unnest($3::INTEGER[]), unnest($4::VARCHAR[])",
                    [
                        numbers,
                        [key_text((name,)) for name in changed],
                        [each.part for each in changed.values()],
                        [key_text(each.labels) for each in changed.values()],
                    ],
                )
            if batch.rows:
                run(_INSERT, [list(column) for column in zip(*batch.rows, strict=True)])
            run("DELETE FROM offsets WHERE part IN (SELECT unnest($1::INTEGER[]))", [parts])
            run(
                "INSERT INTO offsets SELECT unnest($1::INTEGER[]), unnest($2::BIGINT[])",
                [parts, list(offsets.values())],
            )

    def _surplus_ms(self) -> int:
        """Return the end of the last hour to remove to stay within ``max_reports``; 0 for none."""
        surplus = self._count - self.config.max_reports
        if surplus <= 0:
            return 0
        hours = self._connection.execute(
            f"SELECT window_end // {HOUR_MS} AS hour, count(*) FROM reports "  # noqa: S608 - our own constant
            "GROUP BY hour ORDER BY hour"
        ).fetchall()
        for hour, count in hours:
            surplus -= count
            if surplus <= 0:
                return int(hour + 1) * HOUR_MS - 1
        return 0

    def _remove(self, oldest_ms: int) -> None:
        with _Transaction(self._connection) as run:
            run("DELETE FROM reports WHERE window_end <= $1", [oldest_ms])
            run("DELETE FROM subjects WHERE id NOT IN (SELECT subject FROM reports)", [])
        self._connection.execute("CHECKPOINT")
        self._load_state()


class _Transaction:
    """Statements that are committed together or rolled back."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def __enter__(self) -> Callable[[str, list[object]], object]:
        self._connection.execute("BEGIN")
        return self._connection.execute

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")
