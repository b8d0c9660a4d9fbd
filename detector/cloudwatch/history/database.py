"""The DuckDB file itself: its tables, its limits, and what is done with one that is of no use.

Law: a file that cannot be read, or that another layout, topic or length of windows made, is moved
to ``NAME.aside`` (one is kept) and a new one begun; a file that another process holds is left
alone. Whatever comes from a report travels as a parameter, never as text of a statement.

Known limit: offsets say nothing of a topic that was deleted and made again with more records than
the old one had; remove the file then.
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
    """Another process writes the file."""


@dataclass(frozen=True, slots=True)
class OpenedDatabase:
    """An open database; ``set_aside`` says why the file that was there is not used, if so."""

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
    """Open or make the file at ``path``, or a database in memory.

    ``about`` is what the file must have been made for. ``StoreInUseError`` when another process
    holds it; ``StoreError`` when it can be neither used nor replaced, or is of no use and
    ``read_only``.
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
        raise StoreError(f"{path} cannot be made: {error}") from error


class _OtherFileError(Exception):
    """A sound file that was made for something else."""


def _connect(
    path: Path | None, about: Mapping[str, str], limits: dict[str, Any], *, read_only: bool
) -> duckdb.DuckDBPyConnection:
    if path is not None and not read_only:
        path.parent.mkdir(parents=True, exist_ok=True)
    place = ":memory:" if path is None else str(path)
    connection = duckdb.connect(place, read_only=read_only, config=limits)
    try:
        if not read_only:
            connection.execute(_TABLES)
        _check_about(connection, {"schema": STORE_SCHEMA, **about})
    except BaseException:
        connection.close()
        raise
    return connection


def _check_about(connection: duckdb.DuckDBPyConnection, expected: Mapping[str, str]) -> None:
    """Refuse a file that was made for something else, and mark a new one."""
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
