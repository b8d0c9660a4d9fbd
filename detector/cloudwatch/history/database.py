"""The DuckDB file: its tables, its limits, and the handling of an unusable file.

Law: a file that cannot be read, or that has another schema, topic or window length, is moved to
``NAME.aside`` (only the last one is kept) and a new one is created. A file that another process
holds is left alone. Values from reports are passed as parameters, never as SQL text.

Known limit: offsets do not reveal that a topic was deleted and created again if it has more records
than the old one had. Delete the file in that case.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from detector.core.errors import DetectorError

STORE_SCHEMA: Final = "1"
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS about (name VARCHAR, value VARCHAR);
CREATE TABLE IF NOT EXISTS offsets (part INTEGER, next_offset BIGINT);
CREATE TABLE IF NOT EXISTS subjects (id INTEGER, subject VARCHAR, part INTEGER, labels VARCHAR);
CREATE TABLE IF NOT EXISTS reports (
    subject INTEGER, window_end BIGINT, slide_reports INTEGER, complete BOOLEAN,
    window_unique DOUBLE, window_top DOUBLE, hosts DOUBLE,
    total DOUBLE, samples DOUBLE, pane_unique DOUBLE, pane_top DOUBLE,
    minimum DOUBLE, maximum DOUBLE, slow DOUBLE, connection_failures DOUBLE, unlisted DOUBLE,
    keys VARCHAR[], amounts DOUBLE[]
);
"""


class StoreError(DetectorError):
    """The history of reports cannot be read or written."""


class StoreInUseError(StoreError):
    """Another process holds the file."""


@dataclass(frozen=True, slots=True)
class OpenedDatabase:
    """An open database; ``set_aside`` is the reason if an existing file was set aside."""

    connection: duckdb.DuckDBPyConnection
    set_aside: str = ""


def open_database(
    path: Path | None,
    about: Mapping[str, str],
    *,
    memory_mebibytes: int,
    threads: int,
    read_only: bool = False,
) -> OpenedDatabase:
    """Open or create the file at ``path``, or a database in memory.

    ``about`` holds the properties that an existing file must have. Raises ``StoreInUseError`` when
    another process holds the file, and ``StoreError`` when it can be neither used nor replaced;
    with ``read_only`` it is never replaced.
    """
    limits: dict[str, Any] = {
        "memory_limit": f"{memory_mebibytes}MiB",
        "threads": threads,
        "enable_external_access": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "max_temp_directory_size": f"{4 * memory_mebibytes}MiB",
        "preserve_insertion_order": False,
    }
    try:
        return OpenedDatabase(_connect(path, about, limits, read_only=read_only))
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise StoreInUseError(f"{path} is held by another process") from error
        why = str(error)
    except (duckdb.Error, UnicodeDecodeError, _OtherFileError) as error:
        why = str(error)
    if path is None or read_only:
        raise StoreError(f"{path} cannot be used: {why}")
    try:
        _set_aside(path)
        return OpenedDatabase(_connect(path, about, limits, read_only=False), set_aside=why)
    except (duckdb.Error, OSError) as error:
        raise StoreError(f"{path} cannot be created: {error}") from error


class _OtherFileError(Exception):
    """A readable file with another schema, topic or window length."""


def _connect(
    path: Path | None, about: Mapping[str, str], limits: dict[str, Any], *, read_only: bool
) -> duckdb.DuckDBPyConnection:
    if path is not None and not read_only:
        path.parent.mkdir(parents=True, exist_ok=True)
    name = ":memory:" if path is None else str(path)
    connection = duckdb.connect(name, read_only=read_only, config=limits)
    try:
        if not read_only:
            connection.execute(_TABLES)
        _check_about(connection, {"schema": STORE_SCHEMA, **about})
    except BaseException:
        connection.close()
        raise
    return connection


def _check_about(connection: duckdb.DuckDBPyConnection, expected: Mapping[str, str]) -> None:
    """Refuse a file with other properties; write them into a new file."""
    found = dict(connection.execute("SELECT name, value FROM about").fetchall())
    if not found:
        connection.execute(
            "INSERT INTO about SELECT unnest($1::VARCHAR[]), unnest($2::VARCHAR[])",
            [list(expected), list(expected.values())],
        )
    elif found != expected:
        raise _OtherFileError(f"it was made for {found}, expected {expected}")


def _set_aside(path: Path) -> None:
    for suffix in ("", ".wal"):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").replace(f"{path}.aside{suffix}")
