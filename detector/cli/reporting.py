"""``detector report``: contributors and metrics of a rule or a fleet over a time range."""

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from detector.bootstrap.history import report_once
from detector.cli.group import ExitCode
from detector.cli.options import Output, note
from detector.cli.printing import print_json, print_table
from detector.cloudwatch.metrics.ranges import RangeReport, RangeRequest, RankOrder
from detector.core.cloud_events import rfc3339
from detector.core.errors import DetectorError
from detector.settings import Settings
from detector.tables.ranking import MAX_LISTED
from detector.telemetry.clock import Clock

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_AGO = re.compile(r"(\d{1,6})([smhd])")


class ReportRequestError(DetectorError):
    """The requested report does not exist, or an option is invalid."""


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """The options as they were typed."""

    rule: str
    start: str
    end: str
    period: int
    top: int
    order: RankOrder


def report(settings: Settings, options: ReportOptions, output: Output) -> int:
    """Print one report; raises ``ReportRequestError`` when there is none."""
    now = Clock().now()
    request = range_request(settings, options, now)
    found = asyncio.run(report_once(settings, request, now=now, note=note))
    if found is None:
        raise ReportRequestError(
            f"no report of {request.subject!r}: check the name (fleets are written fleet:NAME), "
            "and that workers are running"
        )
    if output is Output.JSON:
        print_json(_document(request, found))
    else:
        _print_tables(found)
    return ExitCode.OK


def range_request(settings: Settings, options: ReportOptions, now: float) -> RangeRequest:
    """Parse ``options``; raises ``ReportRequestError`` when one is invalid."""
    start, end = _instant("--start", options.start, now), _instant("--end", options.end, now)
    if start >= end:
        raise ReportRequestError(f"--start {options.start!r} is not before --end {options.end!r}")
    pane_ms = settings.windows.times().pane_ms
    if options.period < 1 or options.period * 1000 % pane_ms:
        raise ReportRequestError(
            f"--period {options.period}, expected a multiple of {pane_ms / 1000:g} seconds"
        )
    if not 1 <= options.top <= MAX_LISTED:
        raise ReportRequestError(f"--top {options.top}, expected 1 to {MAX_LISTED}")
    subject = options.rule if options.rule.startswith("fleet:") else f"rule:{options.rule}"
    return RangeRequest(subject, start, end, options.period * 1000, options.top, options.order)


def _instant(option: str, text: str, now: float) -> int:
    """Return epoch milliseconds; a time without zone is UTC."""
    if text == "now":
        return int(now * 1000)
    if match := _AGO.fullmatch(text):
        return int((now - int(match[1]) * _UNITS[match[2]]) * 1000)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ReportRequestError(
            f"{option} {text!r}, expected a time such as 2026-11-23T10:00:00Z, how long ago "
            "(90s, 15m, 6h, 2d), or now"
        ) from None
    return int((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp() * 1000)


def _document(request: RangeRequest, found: RangeReport) -> dict[str, Any]:
    points = found.points
    return {
        "subject": request.subject,
        "start": rfc3339(request.start_ms / 1000),
        "end": rfc3339(request.end_ms / 1000),
        "period_seconds": request.period_ms // 1000,
        "key_labels": found.key_labels,
        "value": found.value,
        "unique": found.unique,
        "understated_by": found.understated_by,
        "panes": found.panes,
        "incomplete_panes": found.incomplete_panes,
        "contributors": [
            {
                "keys": each.keys,
                "value": each.value,
                "share": _share(each.value, found.value),
                "largest": each.largest,
                "datapoints": [
                    {"time": rfc3339(time / 1000), "value": value}
                    for time, value in zip(
                        each.datapoints.times.tolist(),
                        each.datapoints.values.tolist(),
                        strict=True,
                    )
                ],
            }
            for each in found.contributors
        ],
        "datapoints": [
            {"time": rfc3339(time / 1000), "complete": complete}
            | {metric.value: values.tolist()[row] for metric, values in points.metrics.items()}
            for row, (time, complete) in enumerate(
                zip(points.times.tolist(), points.complete.tolist(), strict=True)
            )
        ],
    }


def _print_tables(found: RangeReport) -> None:
    points = found.points
    print_table(
        ["time", "complete", *points.metrics],
        [
            [
                rfc3339(time / 1000),
                "yes" if points.complete[row] else "no",
                *(f"{values[row]:g}" for values in points.metrics.values()),
            ]
            for row, time in enumerate(points.times.tolist())
        ],
    )
    labels = " / ".join(found.key_labels) or "contributor"
    print_table(
        ["rank", labels, "value", "share", "largest", "periods"],
        [
            [
                rank,
                " / ".join(each.keys),
                f"{each.value:g}",
                f"{_share(each.value, found.value):.1%}",
                f"{each.largest:g}",
                each.datapoints.times.size,
            ]
            for rank, each in enumerate(found.contributors, start=1)
        ],
    )
    note(f"{found.value:g} in total, from at least {found.unique} contributors")
    if found.understated_by is None:
        note("it is not known by how much contributors may be understated")
    elif found.understated_by:
        note(f"a contributor may have up to {found.understated_by:g} more than shown")
    if found.incomplete_panes:
        note(f"{found.incomplete_panes} of {found.panes} panes are incomplete")


def _share(value: float, total: float) -> float:
    return value / total if total > 0.0 else 0.0
