"""A record of the reports topic as one row of the history."""

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from detector.cloudwatch.metrics.key_text import key_text
from detector.tables.reports import REPORT_SCHEMA, PaneReport, Report

TYPES: Final = (
    *("INTEGER", "BIGINT", "INTEGER", "BOOLEAN"),
    *("DOUBLE",) * 12,
    "VARCHAR[]",
    "DOUBLE[]",
)
"""Types of the columns, in column order."""

_LATEST_MS: Final = 2**53
_decoder = msgspec.json.Decoder(Report)


def read_report(value: bytes | None) -> Report | None:
    """Parse a record; ``None`` when it is not a report."""
    try:
        report = _decoder.decode(value or b"")
    except (msgspec.DecodeError, RecursionError):
        return None
    if report.schema != REPORT_SCHEMA or not 0 < report.window_end < _LATEST_MS:
        return None
    return report


def row_of(subject: int, report: Report, pane: PaneReport, max_contributors: int) -> list[Any]:
    """Return the cells of one report, in column order."""
    listed = pane.contributors[:max_contributors]
    return [
        subject,
        report.window_end,
        report.slide_reports,
        pane.complete,
        float(report.unique_contributors),
        report.max_contributor_value,
        report.totals.get("hosts", 0.0),
        pane.sum,
        pane.sample_count,
        float(pane.unique_contributors),
        listed[0][1] if listed else 0.0,
        pane.minimum,
        pane.maximum,
        pane.totals.get("slow", 0.0),
        pane.totals.get("connection_failures", 0.0),
        _unlisted(pane, listed),
        [key_text(keys) for keys, _ in listed],
        [value for _, value in listed],
    ]


def _unlisted(pane: PaneReport, listed: Sequence[tuple[tuple[str, ...], float]]) -> float:
    """Return by how much a contributor may exceed its listed value in a pane; NaN if unknown."""
    cut = pane.others + math.fsum(value for _, value in pane.contributors[len(listed) :])
    is_cut = pane.unique_contributors > len(listed) or pane.others != 0.0
    if not is_cut:
        return pane.error_bound
    if pane.minimum < 0.0 or not listed:
        return math.nan
    return min(listed[-1][1], cut) + pane.error_bound
