"""Reports from plain observations, and a recount of ranges apart from the product."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from detector.cloudwatch.history import Fetched, ReportStore, StoreConfig
from detector.tables.reports import REPORT_SCHEMA, PaneReport, Report, ReportContributor

PANE = 10_000
WINDOW = 60_000
START = 1_700_000_040_000
"""A multiple of a minute."""
NOW = START + 3_600_000

Keys = tuple[str, ...]
Pane = Mapping[Keys, Sequence[float]]
"""Observations of every contributor in one pane."""


def ranked(panes: Iterable[Pane]) -> list[tuple[Keys, float]]:
    """Contributors of some panes, the largest first."""
    totals: dict[Keys, float] = {}
    for pane in panes:
        for keys, observations in pane.items():
            totals[keys] = totals.get(keys, 0.0) + sum(observations)
    return sorted(totals.items(), key=lambda item: (-item[1], item[0]))


def observed(panes: Iterable[Pane]) -> list[float]:
    return [each for pane in panes for observations in pane.values() for each in observations]


def reports_of(
    panes: Sequence[Pane],
    *,
    rule: str = "r",
    top_n: int = 500,
    first: int = 0,
    incomplete: Iterable[int] = (),
    slide: int = 1,
    labels: Keys = ("host",),
) -> list[Report]:
    """One report per pane, as a detector makes them; ``first``: the pane that they begin with."""
    reports = []
    for number in range(len(panes)):
        window = panes[max(0, number - 5) : number + 1]
        lacking = [each for each in incomplete if number - 5 <= each <= number]
        reports.append(
            _report(
                rule,
                START + (first + number) * PANE,
                window,
                top_n,
                (not lacking, number not in lacking),
                slide,
                labels,
            )
        )
    return reports


def _report(
    rule: str,
    start: int,
    window: Sequence[Pane],
    top_n: int,
    complete: tuple[bool, bool],
    slide: int,
    labels: Keys,
) -> Report:
    everyone, single = ranked(window), ranked(window[-1:])
    whole, newest = observed(window), observed(window[-1:])
    return Report(
        schema=REPORT_SCHEMA,
        subject=f"rule:{rule}",
        rule=rule,
        rule_version="v1",
        key_labels=labels,
        window_start=start + PANE - WINDOW,
        window_end=start + PANE,
        sum=sum(whole),
        sample_count=float(len(whole)),
        unique_contributors=len(everyone),
        max_contributor_value=everyone[0][1] if everyone else 0.0,
        minimum=min(whole, default=0.0),
        maximum=max(whole, default=0.0),
        average=sum(whole) / len(everyone) if everyone else 0.0,
        error_bound=0.0,
        complete=complete[0],
        partial=False,
        missing_partitions=(),
        late=0,
        contributors=tuple(
            ReportContributor(keys, value, 0.0, rank)
            for rank, (keys, value) in enumerate(everyone[:top_n], start=1)
        ),
        others=sum(value for _, value in everyone[top_n:]),
        others_share=0.0,
        totals={},
        pane=PaneReport(
            start=start,
            complete=complete[1],
            sum=sum(newest),
            sample_count=float(len(newest)),
            unique_contributors=len(single),
            minimum=min(newest, default=0.0),
            maximum=max(newest, default=0.0),
            error_bound=0.0,
            contributors=tuple(single[:top_n]),
            others=sum(value for _, value in single[top_n:]),
            totals={},
        ),
        slide_reports=slide,
    )


def fetched(reports: Iterable[Report], *, part: int = 0, first: int = 0) -> list[Fetched]:
    """Reports as they stand on the topic."""
    return [
        Fetched(part, offset, msgspec.json.encode(report))
        for offset, report in enumerate(reports, start=first)
    ]


def config_of(path: Path | None = None, **changed: Any) -> StoreConfig:
    plain: dict[str, Any] = {"topic": "reports", "pane_ms": PANE, "window_ms": WINDOW, "threads": 1}
    return StoreConfig(path=path, **(plain | changed))


def filled(reports: Iterable[Report], path: Path | None = None, **changed: Any) -> ReportStore:
    store = ReportStore(config_of(path, **changed))
    store.apply(fetched(reports), NOW)
    return store


def periods_of(panes: Sequence[Pane], start: int, end: int, period: int) -> dict[int, list[Pane]]:
    """Panes that begin in a range by the start of their period; ``panes`` begin at ``START``."""
    found: dict[int, list[Pane]] = {}
    for number, pane in enumerate(panes):
        begin = START + number * PANE
        if start // PANE * PANE <= begin < end:
            found.setdefault(begin // period * period, []).append(pane)
    return found
