"""Ranked reports of closed windows, in CloudWatch Contributor Insights' terms.

Law: contributors are ranked by value and then by key, so the same window always gives the same
report. The shares of the listed contributors and of ``others`` add up to 1 (all are 0 where the sum
is not positive).

``average`` is the sum over the number of contributors; ``minimum`` and ``maximum`` are single
observations for a rule, and faults per host for a fleet. Contributors of a fleet are its hosts with
faults; ``totals`` has the number of hosts with events and the sums of the other columns.
"""

from collections.abc import Callable
from dataclasses import replace
from heapq import nsmallest
from typing import Final

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from detector.tables.reports import (
    REPORT_SCHEMA,
    FleetWindow,
    PaneReport,
    Report,
    ReportContributor,
    ReportMeasure,
    RuleWindow,
    WindowMeasure,
    WindowMeta,
)

MAX_LISTED: Final = 500
Key = tuple[str, ...]


def report_rule(window: RuleWindow, top_n: int, slide_reports: int = 0) -> Report:
    """Rank a rule's contributors in the window and its newest pane; ``top_n`` from 1 to 500."""
    newest = _rank_rule(window.newest, top_n) if window.newest is not None else None
    return _with_pane(_rank_rule(window, top_n), newest, window.meta, slide_reports)


def report_fleet(window: FleetWindow, top_n: int, slide_reports: int = 0) -> Report:
    """Rank a fleet's hosts by faults in the window and its newest pane; ``top_n`` from 1 to 500."""
    newest = None
    if window.newest is not None:
        requests, faults, slow, connection_failures = window.newest
        pane = replace(
            window,
            requests=requests,
            faults=faults,
            slow=slow,
            connection_failures=connection_failures,
        )
        newest = _rank_fleet(pane, top_n)
    return _with_pane(_rank_fleet(window, top_n), newest, window.meta, slide_reports)


def fleet_key(window: FleetWindow, row: int) -> Key:
    """Return zone and host of one row."""
    return window.zones[int(window.zone_index[row])].zone, window.hosts[row]


def _with_pane(
    report: Report, newest: Report | None, meta: WindowMeta, slide_reports: int
) -> Report:
    if newest is None or meta.newest is None:
        return structs.replace(report, slide_reports=slide_reports)
    pane = PaneReport(
        start=meta.newest.start_ms,
        complete=meta.newest.trustworthy,
        sum=newest.sum,
        sample_count=newest.sample_count,
        unique_contributors=newest.unique_contributors,
        minimum=newest.minimum,
        maximum=newest.maximum,
        error_bound=newest.error_bound,
        contributors=tuple((each.keys, each.value) for each in newest.contributors),
        others=newest.others,
        totals=newest.totals,
    )
    return structs.replace(report, pane=pane, slide_reports=slide_reports)


def _rank_rule(window: RuleWindow, top_n: int) -> Report:
    report = _report(
        window.meta,
        window.values,
        window.keys.__getitem__,
        top_n,
        subject=window.subject,
        rule=window.rule,
        version=window.version,
        key_labels=window.key_labels,
        unlisted=window.others,
        samples=window.samples,
        unique=window.unique,
        smallest=window.minimum,
        largest=window.maximum,
        error_bound=window.error_bound,
        totals={},
    )
    return report if window.measure is None else _with_measure(report, window, window.measure)


def _with_measure(report: Report, window: RuleWindow, measure: WindowMeasure) -> Report:
    """Add the parts of the listed values, and what could not be ranked."""
    row_by_key = {key: row for row, key in enumerate(window.keys)}

    def explained(listed: ReportContributor) -> ReportContributor:
        row = row_by_key[listed.keys]
        over, at = measure.numerators, measure.percentiles
        return structs.replace(
            listed,
            numerator=None if over is None else float(over[row]),
            denominator=float(measure.denominators[row]),
            percentiles=() if at is None else tuple(at[row].tolist()),
        )

    return structs.replace(
        report,
        contributors=tuple(map(explained, report.contributors)),
        measure=ReportMeasure(
            kind=measure.kind,
            minimum=measure.minimum,
            below_minimum=measure.below_minimum,
            unheld=measure.unheld,
            numerator=measure.numerator,
            denominator=measure.denominator,
            percentiles=measure.at,
            relative_error=measure.relative_error,
        ),
    )


def _rank_fleet(window: FleetWindow, top_n: int) -> Report:
    faulty = np.flatnonzero(window.faults > 0.0)
    values = window.faults[faulty]
    requests = float(window.requests.sum())
    return _report(
        window.meta,
        values,
        lambda index: fleet_key(window, int(faulty[index])),
        top_n,
        subject=window.subject,
        rule="",
        version="",
        key_labels=("zone", "host"),
        unlisted=0.0,
        samples=requests,
        unique=int(values.size),
        smallest=float(values.min(initial=np.inf)) if values.size else 0.0,
        largest=float(values.max(initial=0.0)),
        error_bound=0.0,
        totals={
            "requests": requests,
            "slow": float(window.slow.sum()),
            "connection_failures": float(window.connection_failures.sum()),
            "hosts": float(len(window.hosts)),
        },
    )


def _report(
    meta: WindowMeta,
    values: NDArray[np.float64],
    key_of: Callable[[int], Key],
    top_n: int,
    *,
    subject: str,
    rule: str,
    version: str,
    key_labels: Key,
    unlisted: float,
    samples: float,
    unique: int,
    smallest: float,
    largest: float,
    error_bound: float,
    totals: dict[str, float],
) -> Report:
    total = float(values.sum()) + unlisted
    ranked = _top(values, key_of, min(max(top_n, 1), MAX_LISTED))
    # Subtracting the listed from the total could leave a rounding error where nothing is left.
    listed = sum(value for _, value in ranked)
    others = total - listed if len(ranked) < values.size else unlisted

    def share(value: float) -> float:
        return value / total if total > 0.0 else 0.0

    return Report(
        schema=REPORT_SCHEMA,
        subject=subject,
        rule=rule,
        rule_version=version,
        key_labels=key_labels,
        window_start=meta.window.start_ms,
        window_end=meta.window.end_ms,
        sum=total,
        sample_count=samples,
        unique_contributors=unique,
        max_contributor_value=ranked[0][1] if ranked else 0.0,
        minimum=smallest,
        maximum=largest,
        average=total / unique if unique else 0.0,
        error_bound=error_bound,
        complete=meta.complete,
        partial=meta.partial,
        missing_partitions=meta.missing_partitions,
        late=meta.late,
        contributors=tuple(
            ReportContributor(key, value, share(value), rank)
            for rank, (key, value) in enumerate(ranked, start=1)
        ),
        others=others,
        others_share=share(others),
        totals=totals,
    )


def _top(
    values: NDArray[np.float64], key_of: Callable[[int], Key], count: int
) -> list[tuple[Key, float]]:
    """Return the ``count`` largest values with their keys; equal values are sorted by key."""
    if values.size > count:
        least = np.partition(values, values.size - count)[values.size - count]
        above = np.flatnonzero(values > least)
        # Sorting all keys of a large tie would cost more than the rest of the report.
        tied = nsmallest(count - above.size, map(key_of, np.flatnonzero(values == least).tolist()))
    else:
        least, above, tied = 0.0, np.arange(values.size), []
    ranked = sorted(
        ((key_of(index), float(values[index])) for index in above.tolist()),
        key=lambda item: (-item[1], item[0]),
    )
    return ranked + [(key, float(least)) for key in tied]
