"""Figures of several rounds: minimum, median, maximum; and how they are shown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure must reach and aims at; ``None`` for figures that are only reported."""

    what: str
    must: float | None = None
    aim: float | None = None
    lower_is_better: bool = False

    def verdict(self, value: float) -> str:
        """Say how ``value`` stands."""
        if self.must is None:
            return "aim reached" if self._reaches(value, self.aim) else "reported"
        if self._reaches(value, self.aim):
            return "aim reached"
        return "reached" if self._reaches(value, self.must) else "FALLS SHORT"

    def _reaches(self, value: float, bound: float | None) -> bool:
        if bound is None:
            return False
        return value <= bound if self.lower_is_better else value >= bound


LOWER = {"lower_is_better": True}

BOUNDS: Mapping[str, Bound] = {
    "events_per_second": Bound("one worker, backlog to durable tallies", aim=450_000),
    "ratio_bare_client": Bound("the same over confluent-kafka + msgspec + one count", 0.45, 0.80),
    "ratio_stock_faust": Bound("the same over a stock Faust agent, one table write", 50, 100),
    "cost_100_rules": Bound("CPU per event, 100 rules over 1", 2.0, 1.5, **LOWER),
    "memory_mib_20000_hosts": Bound("RSS of the worker, MiB", 400, 250, **LOWER),
    "evaluate_ms_20000_hosts": Bound("one slide, all detectors, ms", 100, 40, **LOWER),
    "action_latency_p99_seconds": Bound("log passes the window to action", 1.0, 0.3, **LOWER),
    "restart_seconds": Bound("kill -9 at 20,000 events/s to caught up", 10, 5, **LOWER),
    "alarms_ms_10000": Bound("10,000 metric alarms, one minute, ms", 500, 100, **LOWER),
    "two_workers_ratio": Bound("two workers over one, same backlog"),
}  # fmt: skip


def spread(values: Iterable[float]) -> dict[str, float]:
    """Return minimum, median and maximum, to four significant digits."""
    kept = sorted(values)
    return {
        name: float(f"{value:.4g}")
        for name, value in (("min", kept[0]), ("median", median(kept)), ("max", kept[-1]))
    }


def show(results: Mapping[str, Mapping[str, float]], console: Console) -> None:
    """Print a table of the figures with what each must reach."""
    table = Table(title="detector, measured against its peers in this run")
    for heading in ("key", "what", "min", "median", "max", "must", "aim", "verdict"):
        table.add_column(
            heading, justify="left" if heading in {"key", "what", "verdict"} else "right"
        )
    for key, figure in results.items():
        bound = BOUNDS[key]
        table.add_row(
            key,
            bound.what,
            *(f"{figure[name]:,.6g}" for name in ("min", "median", "max")),
            "" if bound.must is None else f"{bound.must:,g}",
            "" if bound.aim is None else f"{bound.aim:,g}",
            bound.verdict(figure["median"]),
        )
    console.print(table)
