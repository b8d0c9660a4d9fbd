"""A Parquet file of log records, read with DuckDB.

Columns; names are not case-sensitive:

- ``value``: the record as it would be in the topic, text or bytes. Without this column every row
  becomes a JSON document whose members are the columns, so that a table of events can be used too.
- ``timestamp``, ``time`` or ``timestamp_ms`` (required): epoch milliseconds, or a timestamp (UTC if
  it has no time zone).
- ``partition``: the source partition, 0 to 999; 0 without this column.

Rows are read in order of time, then in the order of the file.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from detector.backtest.recording import RecordedMessage, TimeRange
from detector.core.errors import DetectorError

_CHUNK = 20_000
_MAX_PARTITIONS = 1_000
_TIMES = ("timestamp", "time", "timestamp_ms")


class ParquetRecording:
    """Reads ``path``. Raises ``DetectorError`` if it is not such a file."""

    def __init__(self, path: Path, topic: str, span: TimeRange) -> None:
        self.topic = topic
        self._path = path
        self._span = span
        self._columns = {name.lower(): (name, kind) for name, kind in self._describe()}
        self._select = self._columns_read()
        [[self._rows, highest]] = self._rows_of(
            f"SELECT count(*), coalesce(max(partition), 0) FROM ({self._select}) {self._within()}"  # noqa: S608
        )
        if not 0 <= highest < _MAX_PARTITIONS:
            raise DetectorError(
                f"{str(path)!r} has a partition {highest}, expected 0 to {_MAX_PARTITIONS - 1}"
            )
        self.partitions = int(highest) + 1

    def chunks(self, on_progress: Callable[[float], None]) -> Iterator[Sequence[RecordedMessage]]:
        """Yield the records of the range in order of time."""
        statement = (
            f"SELECT value, time_ms, partition FROM ({self._select}) {self._within()} "  # noqa: S608
            "ORDER BY time_ms, row_order"
        )
        read = 0
        with duckdb.connect() as connection:
            cursor = connection.execute(statement, [str(self._path)])
            while rows := cursor.fetchmany(_CHUNK):
                yield [
                    RecordedMessage(bytes(value), time_ms, partition)
                    for value, time_ms, partition in rows
                ]
                read += len(rows)
                on_progress(read / self._rows)

    def _describe(self) -> list[tuple[str, str]]:
        return [
            (name, kind)
            for name, kind, *_ in self._rows_of("DESCRIBE SELECT * FROM read_parquet(?)")
        ]

    def _columns_read(self) -> str:
        time = next((self._columns[name] for name in _TIMES if name in self._columns), None)
        if time is None:
            found = ", ".join(name for name, _ in self._columns.values())
            raise DetectorError(
                f"{str(self._path)!r} has the columns {found}, expected one of {', '.join(_TIMES)}"
            )
        name, kind = time
        at = _quoted(name)
        if kind.startswith("TIMESTAMP"):
            at = f"epoch_ms({at})" if kind.endswith("TIME ZONE") else f"epoch_ms({at}::TIMESTAMP)"
        partition = self._columns.get("partition")
        members = ", ".join(
            f"{_quoted(name)} := {_quoted(name)}" for name, _ in self._columns.values()
        )
        value = f"encode(to_json(struct_pack({members}))::VARCHAR)"
        if "value" in self._columns:
            name, kind = self._columns["value"]
            value = _quoted(name) if kind == "BLOB" else f"encode({_quoted(name)}::VARCHAR)"
        return (
            f"SELECT {value} AS value, {at}::BIGINT AS time_ms, "  # noqa: S608
            f"{_quoted(partition[0]) if partition else 0}::BIGINT AS partition, "
            "file_row_number AS row_order FROM read_parquet(?, file_row_number = true)"
        )

    def _within(self) -> str:
        limits = ["value IS NOT NULL", "time_ms IS NOT NULL"]
        if self._span.from_ms is not None:
            limits.append(f"time_ms >= {self._span.from_ms:d}")
        if self._span.until_ms is not None:
            limits.append(f"time_ms < {self._span.until_ms:d}")
        return f"WHERE {' AND '.join(limits)}"

    def _rows_of(self, statement: str) -> list[tuple[Any, ...]]:
        try:
            with duckdb.connect() as connection:
                return connection.execute(statement, [str(self._path)]).fetchall()
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise DetectorError(f"cannot read {str(self._path)!r}: {reason}") from error


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
