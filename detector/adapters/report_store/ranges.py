"""Reports over a range, from the rows of one subject."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from detector.adapters.report_store.database import StoreError
from detector.adapters.report_store.statements import CONTRIBUTORS, POINTS, WHOLE
from detector.adapters.report_store.store import ReportStore
from detector.domain.metrics.key_text import keys_of
from detector.domain.metrics.ranges import (
    MOST_DATAPOINTS,
    RangePoints,
    RangeReport,
    RangeRequest,
    RangeTooCostlyError,
    RankedContributor,
)
from detector.domain.metrics.series import RuleMetric, Series


@contextmanager
def reading(store: ReportStore) -> Iterator[duckdb.DuckDBPyConnection]:
    """Lend a cursor that is interrupted after ``read_seconds``.

    Raise ``RangeTooCostlyError`` when it was, or ran out of memory, and ``StoreError`` for
    the rest.
    """
    cursor = store.reader()
    timer = threading.Timer(store.config.read_seconds, cursor.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield cursor
    except duckdb.InterruptException as error:
        seconds = store.config.read_seconds
        raise RangeTooCostlyError(f"reading took longer than {seconds:g} s") from error
    except duckdb.OutOfMemoryException as error:
        memory = store.config.memory_mebibytes
        raise RangeTooCostlyError(f"reading needs more than {memory} MiB") from error
    except duckdb.Error as error:
        raise StoreError(f"{store.config.path} cannot be read: {error}") from error
    finally:
        timer.cancel()
        cursor.close()


def parameters(store: ReportStore, request: RangeRequest) -> dict[str, int] | None:
    """Return what the statements above are given; ``None`` when the subject is not known."""
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
        "begin": begin,
        "first": begin + pane_ms,
        "last": request.end_ms + pane_ms,
    }


def read_range(store: ReportStore, request: RangeRequest) -> RangeReport | None:
    """Answer ``request``; ``None`` when nothing was ever heard of the subject.

    ``RangeTooCostlyError`` when it takes too long, too much memory, or more than
    ``MOST_DATAPOINTS`` datapoints.
    """
    given = parameters(store, request)
    subject = store.subject(request.subject)
    if given is None or subject is None:
        return None
    with reading(store) as cursor:
        points = read_points(cursor, given)
        listed = _fetch(
            cursor, CONTRIBUTORS[request.order], {**given, "most": request.most_contributors}
        )
        whole = cursor.execute(WHOLE, _used(WHOLE, given)).fetchall()
    [(value, understated, panes, incomplete, unique)] = whole
    if len(listed["period"]) > MOST_DATAPOINTS:
        raise RangeTooCostlyError(
            f"more than {MOST_DATAPOINTS} datapoints: ask for fewer contributors, "
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


def read_points(cursor: duckdb.DuckDBPyConnection, given: Mapping[str, int]) -> RangePoints:
    """Return all metrics per period of the panes that ``given`` names."""
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
    found: dict[str, NDArray[Any]] = cursor.execute(statement, _used(statement, given)).fetchnumpy()
    return {name: np.ma.getdata(column) for name, column in found.items()}


def _used(statement: str, given: Mapping[str, int]) -> dict[str, int]:
    """Leave out what a statement does not name, which DuckDB would refuse."""
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
