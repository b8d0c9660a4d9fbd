"""The benchmark: its keys, its verdicts and its inputs, without running it."""

import json
from pathlib import Path

import pytest

from deploy.benchmarks import metric_alarms
from deploy.benchmarks.backlogs import write_rules
from deploy.benchmarks.figures import BOUNDS, spread
from deploy.benchmarks.latency import percentile
from deploy.benchmarks.slides import slide_ms
from detector.gameday.emf import benchmark_bodies, benchmark_events
from detector.rules.rule_files import load_rules

KEYS = {
    "events_per_second", "ratio_bare_client", "ratio_stock_faust", "cost_100_rules",
    "memory_mib_20000_hosts", "evaluate_ms_20000_hosts", "action_latency_p99_seconds",
    "restart_seconds", "alarms_ms_10000", "two_workers_ratio",
}  # fmt: skip


def test_the_keys_are_those_that_scripts_read() -> None:
    assert set(BOUNDS) == KEYS


@pytest.mark.parametrize(
    ("key", "value", "verdict"),
    [
        ("ratio_bare_client", 0.44, "FALLS SHORT"),
        ("ratio_bare_client", 0.45, "reached"),
        ("ratio_bare_client", 0.80, "aim reached"),
        ("cost_100_rules", 2.01, "FALLS SHORT"),
        ("cost_100_rules", 2.0, "reached"),
        ("cost_100_rules", 1.5, "aim reached"),
        ("events_per_second", 1.0, "reported"),
    ],
)
def test_a_verdict_compares_with_what_must_be_reached(key: str, value: float, verdict: str) -> None:
    assert verdict == BOUNDS[key].verdict(value)


def test_a_figure_is_minimum_median_and_maximum() -> None:
    assert {"min": 1.0, "median": 2.0, "max": 9.0} == spread([9.0, 1.0, 2.0])
    assert 99.0 == percentile([float(number) for number in range(1, 101)], 0.99)


def test_ninety_of_a_hundred_rules_are_filtered_on_faults(tmp_path: Path) -> None:
    book = load_rules(write_rules(tmp_path, 100))
    assert (100, 90) == (len(book.rules), sum(bool(rule.filters) for rule in book))
    assert 10 == len({rule.keys for rule in book if not rule.filters})


def test_events_are_590_bytes_and_evenly_spaced() -> None:
    events = list(benchmark_events(benchmark_bodies(1, 200), 400, 1_700_000_000_000, 20_000))
    assert {590} == {len(event) for event in events}
    times = [json.loads(event)["_aws"]["Timestamp"] for event in events]
    assert [1_700_000_000_000 + number // 20 for number in range(400)] == times


def test_minutes_of_ten_thousand_alarms_are_measured() -> None:
    assert all(spent > 0 for spent in metric_alarms.slide_ms(1, alarms=300, slides=12))


def test_slides_of_twenty_thousand_hosts_are_measured() -> None:
    assert all(spent > 0 for spent in slide_ms(1, hosts=300, panes=12))
