"""24 hours of reports of many rules: filling the history, and reading one rule back.

By hand: ``python -m deploy.benchmarks.report_range``; ``--help`` shows what can be varied.
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from detector.cloudwatch.history import Fetched, ReportMetrics, ReportStore, StoreConfig
from detector.cloudwatch.history.ranges import read_range
from detector.cloudwatch.metrics.ranges import RangeRequest, RankOrder
from detector.cloudwatch.metrics.series import InsightRuleMetric, RuleMetric
from detector.tables.reports import REPORT_SCHEMA, PaneReport, Report, ReportContributor

PANE_MS, WINDOW_MS, START_MS = 10_000, 60_000, 1_700_000_040_000 // 60_000 * 60_000
BATCH = 2_000
ROUNDS = 7


def records(
    rules: int, panes: int, contributors: int, names: int, seed: int
) -> Iterator[list[Fetched]]:
    """Yield batches of reports as they stand on the topic; ``names`` contributors exist by rule."""
    chance = random.Random(seed)
    batch: list[Fetched] = []
    for number in range(panes * rules):
        pane, rule = divmod(number, rules)
        values = sorted((float(chance.randint(1, 99)) for _ in range(contributors)), reverse=True)
        hosts = chance.sample(range(names), contributors)
        listed = tuple(
            ((f"use1-az{host % 3 + 1}", f"i-{host:017x}"), value)
            for host, value in zip(hosts, values, strict=True)
        )
        report = _report(f"rule-{rule:03}", START_MS + pane * PANE_MS, listed, rules)
        batch.append(Fetched(0, number, msgspec.json.encode(report)))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _report(
    rule: str, start: int, listed: tuple[tuple[tuple[str, ...], float], ...], rules: int
) -> Report:
    total, top = sum(value for _, value in listed) + 40.0, listed[0][1]
    pane = PaneReport(start, True, total, total, len(listed) + 20, 1.0, 1.0, 0.0, listed, 40.0, {})
    return Report(
        REPORT_SCHEMA, f"rule:{rule}", rule, "v1", ("zone", "host"), start + PANE_MS - WINDOW_MS,
        start + PANE_MS, total, total, len(listed) + 20, top, 1.0, 1.0, 1.0, 0.0, True, False, (),
        0, tuple(ReportContributor(keys, value, value / total, rank)
                 for rank, (keys, value) in enumerate(listed, 1)),
        40.0, 40.0 / total, {}, None, pane, rules,
    )  # fmt: skip


def milliseconds(work: Callable[[], object]) -> dict[str, float]:
    """Time ``work`` and return minimum, median and maximum; the first time is left out."""
    work()
    spent = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        spent.append((time.perf_counter() - begun) * 1000)
    return {"min": min(spent), "median": statistics.median(spent), "max": max(spent)}


def measure(store: ReportStore, hours: float) -> dict[str, dict[str, float]]:
    """Time what clients ask of one rule over the whole range."""
    end_ms = START_MS + round(hours * 3_600_000)
    metrics = ReportMetrics(store, lambda _part: end_ms)

    def report(period_s: int, most: int, order: RankOrder) -> Callable[[], object]:
        request = RangeRequest("rule:rule-042", START_MS, end_ms, period_s * 1000, most, order)
        return lambda: read_range(store, request)

    def series(metric: RuleMetric) -> Callable[[], object]:
        named = InsightRuleMetric("rule-042", metric)
        return lambda: metrics.read(named, START_MS, end_ms, 60_000)

    return {
        "report, 60 s, 10 contributors": milliseconds(report(60, 10, RankOrder.SUM)),
        "report, 60 s, 100 contributors": milliseconds(report(60, 100, RankOrder.MAXIMUM)),
        "report, 10 s, 10 contributors": milliseconds(report(10, 10, RankOrder.SUM)),
        "report, 3600 s, 500 contributors": milliseconds(report(3600, 500, RankOrder.SUM)),
        "series of Sum, 60 s": milliseconds(series(RuleMetric.SUM)),
        "series of MaxContributorValue, 60 s": milliseconds(
            series(RuleMetric.MAX_CONTRIBUTOR_VALUE)
        ),
    }


def main() -> None:
    """Fill, measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", type=int, default=100)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--contributors", type=int, default=10)
    parser.add_argument("--names", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    panes = round(options.hours * 3_600_000) // PANE_MS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.duckdb"
        config = StoreConfig(
            path=path, topic="detector.reports", pane_ms=PANE_MS, window_ms=WINDOW_MS
        )
        store = ReportStore(config)
        now_ms = START_MS + panes * PANE_MS
        spent = 0.0
        for batch in records(
            options.rules, panes, options.contributors, options.names, options.seed
        ):
            begun = time.perf_counter()
            store.apply(batch, now_ms)
            spent += time.perf_counter() - begun
        store.close()
        begun = time.perf_counter()
        store = ReportStore(config)
        opening = time.perf_counter() - begun
        told = {
            "reports": store.count,
            "filled_per_second": round(store.count / spent),
            "file_mebibytes": round(path.stat().st_size / 2**20, 1),
            "opening_seconds": round(opening, 3),
            "milliseconds": measure(store, options.hours),
        }
        store.close()
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
