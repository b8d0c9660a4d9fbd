"""Reports over a time range, computed from the rows of one subject."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from detector.cloudwatch.history.database import StoreError
from detector.cloudwatch.history.statements import (
    BARE_PANES,
    CONTRIBUTORS,
    OWNED,
    PANES,
    POINTS,
    WHOLE,
)
from detector.cloudwatch.history.store import ReportStore
from detector.cloudwatch.metrics.key_text import keys_of
from detector.cloudwatch.metrics.ranges import (
    MAX_DATAPOINTS,
    RangePoints,
    RangeReport,
    RangeRequest,
    RangeTooCostlyError,
    RankedContributor,
)
from detector.cloudwatch.metrics.series import RuleMetric, Series

_INTERRUPT_SECONDS: Final = 0.01


@contextmanager
def reading(store: ReportStore) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a cursor that is interrupted after ``read_seconds``.

    Raises ``RangeTooCostlyError`` when it was interrupted or ran out of memory, and ``StoreError``
    for any other error of DuckDB.
    """
    done = threading.Event()
    try:
        with closing(store.reader()) as cursor:
            seconds = store.config.read_seconds
            watch = threading.Thread(target=_interrupt, args=(cursor, seconds, done), daemon=True)
            watch.start()
            try:
                yield cursor
            finally:
                done.set()
                watch.join()
    except duckdb.InterruptException as error:
        raise RangeTooCostlyError(f"reading took longer than {seconds:g} s") from error
    except duckdb.OutOfMemoryException as error:
        memory = store.config.memory_mebibytes
        raise RangeTooCostlyError(f"reading needs more than {memory} MiB") from error
    except duckdb.Error as error:
        raise StoreError(f"{store.config.path} cannot be read: {error}") from error


def _interrupt(cursor: duckdb.DuckDBPyConnection, seconds: float, done: threading.Event) -> None:
    if not done.wait(seconds):
        # An interrupt between two statements is lost, so it is repeated.
        while not done.wait(_INTERRUPT_SECONDS):
            cursor.interrupt()


def parameters(store: ReportStore, request: RangeRequest) -> dict[str, int] | None:
    """Return the parameters of the statements; ``None`` when the subject is unknown."""
    subject = store.subject(request.subject)
    if subject is None:
        return None
    pane_ms, window_ms = store.config.pane_ms, store.config.window_ms
    begin = request.start_ms - request.start_ms % pane_ms
    return {
        "subject": subject.number,
        "pane": pane_ms,
        "window": window_ms,
        "period": request.period_ms,
        "phase": request.phase_ms,
        "begin": begin,
        "first": begin + pane_ms,
        "last": request.end_ms + pane_ms,
    }


def read_range(store: ReportStore, request: RangeRequest) -> RangeReport | None:
    """Return the report for ``request``; ``None`` for an unknown subject.

    Raises ``RangeTooCostlyError`` when it takes too long, needs too much memory, or has more than
    ``MAX_DATAPOINTS`` datapoints.
    """
    given = parameters(store, request)
    subject = store.subject(request.subject)
    if given is None or subject is None:
        return None
    with reading(store) as cursor:
        points = read_points(cursor, given)
        listed = _fetch(
            cursor, CONTRIBUTORS[request.order], {**given, "most": request.max_contributors}
        )
        whole = cursor.execute(WHOLE, used(WHOLE, given)).fetchall()
    [(value, understated, panes, incomplete, unique)] = whole
    if len(listed["period"]) > MAX_DATAPOINTS:
        raise RangeTooCostlyError(
            f"more than {MAX_DATAPOINTS} datapoints: ask for fewer contributors, "
            "a longer period or a shorter range"
        )
    return RangeReport(
        key_labels=subject.labels,
        value=value,
        unique=int(unique),
        contributors=tuple(_ranked(listed)),
        points=points,
        understated_by=None if understated != understated else understated,  # noqa: PLR0124 - NaN
        panes=panes,
        incomplete_panes=incomplete,
    )


class HistoryReader:
    """The ``ReportHistory`` of the API; reads in a thread, not in the event loop."""

    def __init__(self, store: ReportStore) -> None:
        self._store = store

    async def report(self, request: RangeRequest) -> RangeReport | None:
        """Return what ``read_range`` returns."""
        return await asyncio.to_thread(read_range, self._store, request)


def read_points(
    cursor: duckdb.DuckDBPyConnection, given: Mapping[str, int], *, merge: bool = True
) -> RangePoints:
    """Return all metrics by period for the range in ``given``.

    Without ``merge`` the contributors of panes are not merged: enough when no requested metric
    needs it, or when a period is one pane.
    """
    panes = PANES if merge else BARE_PANES
    cursor.execute(panes, used(panes, given))
    cursor.execute(OWNED)
    found = _fetch(cursor, POINTS, given)
    total, contributors = found["total"], found["contributors"]
    average = np.divide(
        total, contributors, out=np.full(total.size, np.nan), where=contributors > 0
    )
    return RangePoints(
        times=found["period"],
        complete=found["complete"],
        metrics={
            RuleMetric.UNIQUE_CONTRIBUTORS: contributors,
            RuleMetric.MAX_CONTRIBUTOR_VALUE: found["top"],
            RuleMetric.SAMPLE_COUNT: found["samples"],
            RuleMetric.SUM: total,
            RuleMetric.MINIMUM: found["minimum"],
            RuleMetric.MAXIMUM: found["maximum"],
            RuleMetric.AVERAGE: average,
        },
    )


def _fetch(
    cursor: duckdb.DuckDBPyConnection, statement: str, given: Mapping[str, int]
) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = cursor.execute(statement, used(statement, given)).fetchnumpy()
    return {name: np.ma.getdata(column) for name, column in found.items()}


def used(statement: str, given: Mapping[str, int]) -> dict[str, int]:
    """Return only the parameters that ``statement`` names; DuckDB refuses others."""
    return {name: value for name, value in given.items() if f"${name}" in statement}


def _ranked(listed: Mapping[str, NDArray[Any]]) -> Iterator[RankedContributor]:
    names, times, amounts = listed["contributor"], listed["period"], listed["amount"]
    edges = np.flatnonzero(names[1:] != names[:-1]) + 1
    for start, stop in zip([0, *edges.tolist()], [*edges.tolist(), names.size], strict=True):
        if stop > start:
            yield RankedContributor(
                keys=keys_of(names[start]),
                value=float(listed["value"][start]),
                largest=float(listed["largest"][start]),
                datapoints=Series(times[start:stop], amounts[start:stop]),
            )
