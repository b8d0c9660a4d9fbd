"""Run the benchmarks: the product and its peers in turn, on one real Kafka, in paired rounds."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console

from deploy.benchmarks import latency, metric_alarms
from deploy.benchmarks.backlogs import write_backlog, write_rules
from deploy.benchmarks.figures import BOUNDS, show, spread
from deploy.benchmarks.product import Run, read_backlog
from deploy.benchmarks.slides import slide_ms
from tests.support.deployment import PARTITIONS, Deployment
from tests.support.kafka import RealKafka, missing_parts

PANE_MS = 10_000
SHIPPED = {
    "DETECTOR_WINDOWS__PANE_SECONDS": "10",
    "DETECTOR_WINDOWS__LATENESS_SECONDS": "5",
    "DETECTOR_WINDOWS__IDLE_SECONDS": "600",
}
"""The shipped windows; idleness is put off, so that only the log closes panes."""

PEERS = Path(__file__).with_name("peers.py")
Results = dict[str, dict[str, float]]


class Bench:
    """All measurements of one call; ``say`` reports progress."""

    def __init__(
        self, kafka: RealKafka, directory: Path, *, quick: bool, say: Callable[[str], None]
    ) -> None:
        self._kafka = kafka
        self._directory = directory
        self._say = say
        self._rounds = 1 if quick else 3
        self._events = 300_000 if quick else 2_000_000
        self._stock_events = 10_000 if quick else 40_000
        self._deployments = 0

    def _deployment(self, env: dict[str, str] | None = None, logs: str = "") -> Deployment:
        self._deployments += 1
        prefix = f"bench{self._deployments}."
        if logs:
            env = {**(env or {}), "DETECTOR_INPUT_TOPICS": logs}
        return Deployment(self._kafka.bootstrap, prefix, self._directory, env)

    def _peer(self, which: str, topic: str, events: int) -> float:
        command = [sys.executable, str(PEERS), which, self._kafka.bootstrap, topic]
        done = subprocess.run(
            [*command, str(PARTITIONS), str(events)], check=True, capture_output=True, text=True
        )
        rate = float(json.loads(done.stdout.strip().splitlines()[-1])["events_per_second"])
        self._say(f"  {which}: {rate:,.0f} events/s")
        return rate

    def _product(
        self, logs: str, last_pane_ms: int, events: int, *, workers: int = 1, **env: str
    ) -> Run:
        run = read_backlog(
            self._deployment({**SHIPPED, **env}, logs),
            events=events,
            last_pane_ms=last_pane_ms,
            workers=workers,
        )
        self._say(
            f"  detector: {run.events_per_second:,.0f} events/s, "
            f"{run.cpu_seconds / run.events * 1e6:.2f} us CPU per event, {run.peak_rss_mib:.0f} MiB"
        )
        return run

    def throughput(self) -> Iterator[tuple[str, list[float]]]:
        """Backlog rates against both peers, and two workers against one."""
        self._say(f"writing a backlog of {self._events:,} events")
        source = self._deployment(SHIPPED)
        last = write_backlog(source, events=self._events, hosts=120, pane_ms=PANE_MS)
        logs = source.topics.logs
        rates, bare, stock, two = [], [], [], []
        for number in range(self._rounds):
            self._say(f"round {number + 1} of {self._rounds}: backlog")
            bare_rate = self._peer("bare", logs, self._events)
            rate = self._product(logs, last, self._events).events_per_second
            stock_rate = self._peer("stock", logs, self._stock_events)
            pair = self._product(logs, last, self._events, workers=2).events_per_second
            rates.append(rate)
            bare.append(rate / bare_rate)
            stock.append(rate / stock_rate)
            two.append(pair / rate)
        yield "events_per_second", rates
        yield "ratio_bare_client", bare
        yield "ratio_stock_faust", stock
        yield "cost_100_rules", list(self._rule_costs(logs, last))
        yield "two_workers_ratio", two

    def _rule_costs(self, logs: str, last: int) -> Iterator[float]:
        one = write_rules(self._directory / "rules-1", 1)
        hundred = write_rules(self._directory / "rules-100", 100)
        for number in range(self._rounds):
            self._say(f"round {number + 1} of {self._rounds}: 1 rule, then 100")
            costs = [
                self._product(logs, last, self._events, DETECTOR_RULES_DIR=str(rules)).cpu_seconds
                for rules in (one, hundred)
            ]
            yield costs[1] / costs[0]

    def memory(self) -> Iterator[tuple[str, list[float]]]:
        """Peak RSS with 20,000 hosts."""
        source = self._deployment(SHIPPED)
        self._say(f"writing a backlog of {self._events:,} events of 20,000 hosts")
        last = write_backlog(source, events=self._events, hosts=20_000, pane_ms=PANE_MS)
        yield (
            "memory_mib_20000_hosts",
            [
                self._product(source.topics.logs, last, self._events).peak_rss_mib
                for _ in range(self._rounds)
            ],
        )

    def evaluation(self) -> Iterator[tuple[str, list[float]]]:
        """Merge and evaluation of one slide, and one minute of metric alarms."""
        self._say("merging and evaluating slides of 20,000 hosts")
        rounds = [sorted(slide_ms(seed)) for seed in range(self._rounds)]
        yield "evaluate_ms_20000_hosts", [each[len(each) // 2] for each in rounds]
        self._say("judging 10,000 metric alarms")
        minutes = [sorted(metric_alarms.slide_ms(seed)) for seed in range(self._rounds)]
        yield "alarms_ms_10000", [each[len(each) // 2] for each in minutes]

    def latencies(self) -> Iterator[tuple[str, list[float]]]:
        """Action latency and restart time at 20,000 events a second."""
        p99, restarts = [], []
        for seed in range(self._rounds):
            self._say(f"round {seed + 1} of {self._rounds}: 20,000 events/s, actions")
            values = latency.action_latencies(
                self._deployment(latency.GENEROUS), every_ms=500, seed=seed
            )
            p99.append(latency.percentile(values, 0.99))
            self._say(f"  {len(values)} actions, p99 {p99[-1]:.3f} s")
            self._say(f"round {seed + 1} of {self._rounds}: kill -9 under load")
            restarts.append(latency.restart_seconds(self._deployment(), seed=seed))
            self._say(f"  caught up after {restarts[-1]:.2f} s")
        yield "action_latency_p99_seconds", p99
        yield "restart_seconds", restarts


def main() -> int:
    """Run what was asked for; exit 1 when a figure falls short of what it must reach."""
    parser = argparse.ArgumentParser(prog="deploy/bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="results as one JSON object on stdout")
    parser.add_argument("--quick", action="store_true", help="less input, one round")
    parser.add_argument(
        "--only",
        choices=("throughput", "memory", "evaluation", "latencies"),
        help="one group of measurements",
    )
    arguments = parser.parse_args()
    console = Console(stderr=True, width=None if sys.stderr.isatty() else 140)
    if parts := missing_parts():
        console.print(f"cannot measure without {', '.join(parts)}: install Java 17 and Maven")
        return 2
    results: Results = {}
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
        RealKafka(heap_mib=1024) as kafka,
    ):
        bench = Bench(kafka, Path(directory), quick=arguments.quick, say=console.print)
        groups = {
            "throughput": bench.throughput,
            "memory": bench.memory,
            "evaluation": bench.evaluation,
            "latencies": bench.latencies,
        }
        for name, group in groups.items():
            if arguments.only in {None, name}:
                results.update((key, spread(values)) for key, values in group())
    ordered = {key: results[key] for key in BOUNDS if key in results}
    show(ordered, console)
    if arguments.json:
        sys.stdout.write(json.dumps(ordered) + "\n")
    short = [
        key
        for key, figure in ordered.items()
        if BOUNDS[key].verdict(figure["median"]) == "FALLS SHORT"
    ]
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
