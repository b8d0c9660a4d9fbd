"""A file of log records, one per line, as they would be in the topic; ``.gz`` is decompressed.

The time of a record is the first ``"Timestamp"`` (EMF's) or ``"timestamp"`` in it that is a number
of epoch milliseconds; a record without one gets the newest time before it. For other times use a
Parquet file, which has a column for them.
"""

import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from detector.backtest.recording import RecordedMessage, TimeRange
from detector.core.errors import DetectorError

_CHUNK = 5_000
_TIME = re.compile(rb'"[Tt]imestamp"\s*:\s*(\d{12,14})\b')


class LineRecording:
    """Reads ``path``; all records belong to one partition."""

    partitions = 1

    def __init__(self, path: Path, topic: str, span: TimeRange) -> None:
        self.topic = topic
        self._path = path
        self._span = span

    def chunks(self, on_progress: Callable[[float], None]) -> Iterator[Sequence[RecordedMessage]]:
        """Yield the records of the range in the order of the file."""
        try:
            with self._path.open("rb") as file:
                size = max(1, self._path.stat().st_size)
                lines = gzip.GzipFile(fileobj=file) if self._path.suffix == ".gz" else file
                for chunk in self._read(cast("BinaryIO", lines)):
                    yield chunk
                    on_progress(min(1.0, file.tell() / size))
        except (OSError, EOFError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise DetectorError(f"cannot read {str(self._path)!r}: {reason}") from error

    def _read(self, lines: BinaryIO) -> Iterator[Sequence[RecordedMessage]]:
        find, holds, newest = _TIME.search, self._span.holds, 0
        whole = self._span == TimeRange()
        chunk: list[RecordedMessage] = []
        for line in lines:
            found = find(line)
            if found is not None:
                time_ms = int(found[1])
                newest = max(newest, time_ms)
            elif line.strip():
                time_ms = newest
            else:
                continue
            if whole or holds(time_ms):
                chunk.append(RecordedMessage(line.rstrip(b"\r\n"), time_ms))
                if len(chunk) == _CHUNK:
                    yield chunk
                    chunk = []
        yield chunk
