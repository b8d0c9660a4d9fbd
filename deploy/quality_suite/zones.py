"""Part (c): zones in trouble by three signals, and what only looks like a zone in trouble.

Every seed draws one fleet of 300 hosts in three zones, with its own traffic, rates and time of
onset, and one kind of event. Must: the right zone is named within 60 s, and no wrong zone is ever
named or left. A collector that fails in one zone looks like a zone that is gone, and must be told
without being acted upon.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table

from deploy.quality_suite.fleets import PANE_MS, PANES, Counts, Pane, Simulated, zones_of
from deploy.quality_suite.parts import Options, Result
from deploy.quality_suite.watching import Seen, watch
from detector.core.vocabulary import Culprit

SEEDS = 1_000
QUICK_SEEDS = 30
HOSTS = 300
CALM = 32
WINDOWS = 56
LIMIT_SECONDS = 60.0

OUTAGE = "collector outage in one zone"
EVENTS = ("zone faults", "zone slow", "zone connections")
DECOYS = (
    "single bad host",
    "bad caller in one zone",
    "regional event",
    "two zones",
    "skewed traffic",
    OUTAGE,
    "healthy",
)
KINDS = (*EVENTS, *DECOYS)


@dataclass(slots=True)
class Course:
    """One drawn course of events: what happens from pane ``onset`` on, to which zone."""

    kind: str
    zone: int
    onset: int
    requests: Counts
    rate: float
    times: float
    hit: Counts

    @classmethod
    def drawn(cls, kind: str, seed: int) -> "Course":
        """Draw 5 to 20 requests a second and host, uneven, and a mild to bad event.

        The mildest brings 150 faults a minute to the zone: with fewer than 30 none can be named.
        """
        chance = np.random.default_rng(seed + 1_000_003)
        mean = float(np.exp(chance.uniform(np.log(50), np.log(200))))
        requests = mean * chance.lognormal(0.0, 0.4, HOSTS)
        if kind == "skewed traffic":
            requests[zones_of(HOSTS) == chance.integers(3)] *= 4.0
        # Of a zone's hosts 30 % to all are hit, 8 to 30 times as often as usual.
        part = float(chance.uniform(0.3, 1.0))
        hit = (chance.random(HOSTS) < part).astype(np.float64)
        return cls(
            kind=kind,
            zone=int(chance.integers(3)),
            onset=CALM + int(chance.integers(PANES)),
            requests=requests,
            rate=float(10 ** chance.uniform(-3.0, -2.5)),
            times=float(chance.uniform(8, 30)),
            hit=hit,
        )

    def draw(self, number: int, chance: np.random.Generator) -> Pane:
        """Draw one pane."""
        served = chance.poisson(self.requests).astype(np.float64)
        rates = {name: np.full(HOSTS, self.rate) for name in ("faults", "slow", "connections")}
        rates["slow"] *= 10.0
        zone = zones_of(HOSTS)
        heard = np.ones(HOSTS, np.bool_)
        is_on = number >= self.onset
        if is_on:
            self._strike(rates, zone, heard)
        counts = {
            name: chance.binomial(served.astype(int), np.minimum(rate, 0.9)).astype(np.float64)
            for name, rate in rates.items()
        }
        callers = tuple(f"caller-{row % 7}" for row in range(HOSTS))
        # The worst of seven callers meets two faults in five.
        by_caller = np.ceil(0.4 * counts["faults"])
        if is_on and self.kind == "bad caller in one zone":
            poisoned = chance.poisson(self.requests * 0.02) * (zone == self.zone)
            counts["faults"] += poisoned
            by_caller = np.where(zone == self.zone, poisoned, by_caller).astype(np.float64)
            callers = tuple(
                "poison" if zone[row] == self.zone else name for row, name in enumerate(callers)
            )
        for column in (served, *counts.values(), by_caller):
            column[~heard] = 0.0
        return Pane(
            served, counts["faults"], counts["slow"], counts["connections"], heard,
            by_caller, callers,
        )  # fmt: skip

    def _strike(self, rates: dict[str, Counts], zone: Any, heard: Any) -> None:
        own, other = zone == self.zone, zone == (self.zone + 1) % 3
        worse = np.where(own, 1.0 + (self.times - 1.0) * self.hit, 1.0)
        match self.kind:
            case "zone faults":
                rates["faults"] *= worse
            case "zone slow":
                rates["slow"] *= worse
            case "zone connections":
                rates["connections"] *= worse
            case "single bad host":
                rates["faults"][np.flatnonzero(own)[0]] = 0.5
            case "regional event":
                rates["faults"] *= self.times
            case "two zones":
                rates["faults"] *= np.where(own | other, self.times, 1.0)
            case _ if self.kind == OUTAGE:
                heard[own] = False


def measure(options: Options) -> Result:
    """Run one course of a kind for every seed, kinds in turn."""
    seeds = range(QUICK_SEEDS if options.quick else SEEDS)
    options.say(f"zones: {len(seeds)} seeds from 0, {len(KINDS)} kinds in turn")
    rows: dict[str, dict[str, Any]] = {kind: _empty() for kind in KINDS}
    for place, seed in enumerate(seeds):
        course = Course.drawn(KINDS[place % len(KINDS)], seed)
        seen = watch(Simulated(HOSTS, course.draw, seed).slides(WINDOWS))
        _count(rows[course.kind], course, seen)
    for row in rows.values():
        seconds = sorted(row.pop("seconds"))
        last = seconds[-1] if seconds and seconds[-1] < np.inf else None
        row["median_seconds"] = seconds[len(seconds) // 2] if seconds else None
        row["max_seconds"] = last
    return Result({"zones": rows}, [_table(rows)], _shortfalls(rows))


def _table(rows: dict[str, dict[str, Any]]) -> Table:
    table = Table("kind", "runs", "named within 60 s", "median", "last", "wrong zones named",
                  "wrong zones left", "verdicts", title="Zones in trouble, and decoys")  # fmt: skip
    for kind, row in rows.items():
        is_event = kind in EVENTS
        seconds = [row["median_seconds"], row["max_seconds"]]
        table.add_row(
            kind,
            str(row["runs"]),
            str(row["in_time"]) if is_event else "-",
            *("-" if each is None else f"{each:.0f} s" for each in seconds),
            *(str(row["wrong_named"]), str(row["wrong_left"])),
            ", ".join(f"{name} {count}" for name, count in row["verdicts"].items()),
        )
    return table


def _shortfalls(rows: dict[str, dict[str, Any]]) -> list[str]:
    short = []
    for kind, row in rows.items():
        if kind in EVENTS and row["in_time"] < row["runs"]:
            short.append(
                f"{kind}: named within 60 s in {row['in_time']} of {row['runs']} runs, "
                f"{row['missed']} never"
            )
        if row["wrong_named"] or row["wrong_left"]:
            short.append(
                f"{kind}: {row['wrong_named']} wrong zones named, {row['wrong_left']} left"
            )
        if kind == OUTAGE and row["verdicts"].get(Culprit.UNKNOWN.value, 0) < row["runs"]:
            short.append(f"{kind}: not told in every run")
    return short


def _empty() -> dict[str, Any]:
    return {
        "runs": 0, "in_time": 0, "missed": 0, "wrong_named": 0, "wrong_left": 0,
        "hosts_acted": 0, "seconds": [], "verdicts": {},
    }  # fmt: skip


def _count(row: dict[str, Any], course: Course, seen: Seen) -> None:
    right = (f"az{course.zone + 1}",) if course.kind in EVENTS else ("",)
    named = {key: number for key, number in seen.raised.items() if len(key) == 1}
    left = [key for key in seen.acted if len(key) == 1]
    row["runs"] += 1
    row["wrong_named"] += sum(key != right for key in named)
    row["wrong_left"] += sum(key != right for key in left)
    row["hosts_acted"] += sum(len(key) > 1 for key in seen.acted)
    for kind in seen.verdicts:
        row["verdicts"][kind.value] = row["verdicts"].get(kind.value, 0) + 1
    if course.kind in EVENTS:
        seconds = (named.get(right, np.inf) - course.onset) * PANE_MS / 1000
        row["in_time"] += seconds <= LIMIT_SECONDS
        row["missed"] += right not in named
        row["seconds"].append(float(seconds))
