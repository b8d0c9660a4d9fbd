"""Part (c): zones in trouble by three signals, and what only looks like a zone in trouble.

Every seed draws one fleet of 300 hosts in three zones, with its own traffic, rates and time of
onset, and one kind of event. Must: the right zone is named within 60 s, and no wrong zone is ever
named or left. A collector that fails in one zone looks like a zone that is gone, and must be told
without being acted upon.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deploy.quality_suite.fleets import PANE_MS, PANES, Counts, Pane, Simulated, zones_of
from deploy.quality_suite.watching import Seen, watch
from detector.domain.vocabulary import Culprit

HOSTS = 300
CALM = 32
WINDOWS = 56
LIMIT_SECONDS = 60.0

EVENTS = ("zone faults", "zone slow", "zone connections")
DECOYS = (
    "single bad host",
    "bad caller in one zone",
    "regional event",
    "two zones",
    "skewed traffic",
    "collector outage in one zone",
    "healthy",
)
KINDS = (*EVENTS, *DECOYS)

Say = Callable[[str], None]


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
            case "collector outage in one zone":
                heard[own] = False


def run(*, seeds: Sequence[int], say: Say) -> dict[str, Any]:
    """Run one course of a kind for every seed, kinds in turn; say a table, return the figures."""
    say(f"(c) zones: {len(seeds)} seeds from {min(seeds)} to {max(seeds)}, {len(KINDS)} kinds")
    rows: dict[str, dict[str, Any]] = {kind: _empty() for kind in KINDS}
    for place, seed in enumerate(seeds):
        course = Course.drawn(KINDS[place % len(KINDS)], seed)
        seen = watch(Simulated(HOSTS, course.draw, seed).slides(WINDOWS))
        _count(rows[course.kind], course, seen)
    passed = all(_passes(kind, row) for kind, row in rows.items())
    say("falls short of: " + ("nothing" if passed else "see below, marked with !"))
    say(f"{'kind':29} {'runs':>5} {'named 60 s':>10} {'median':>7} {'wrong named':>11} {'left':>5}")
    for kind, row in rows.items():
        seconds = row.pop("seconds")
        row["median_seconds"] = float(np.median(seconds)) if seconds else None
        row["max_seconds"] = float(max(seconds)) if seconds else None
        mark = " " if _passes(kind, row) else "!"
        named = f"{row['in_time']}/{row['runs']}" if kind in EVENTS else "-"
        median = "-" if row["median_seconds"] is None else f"{row['median_seconds']:.0f} s"
        say(f"{mark}{kind:28} {row['runs']:5} {named:>10} {median:>7} "
            f"{row['wrong_named']:11} {row['wrong_left']:5}  {row['verdicts']}")  # fmt: skip
    return {"kinds": rows, "passed": passed}


def _empty() -> dict[str, Any]:
    return {
        "runs": 0, "in_time": 0, "missed": 0, "wrong_named": 0, "wrong_left": 0,
        "hosts_acted": 0, "seconds": [], "verdicts": {},
    }  # fmt: skip


def _count(row: dict[str, Any], course: Course, seen: Seen) -> None:
    right = (f"az{course.zone + 1}",) if course.kind in EVENTS else ()
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


def _passes(kind: str, row: dict[str, Any]) -> bool:
    right = kind not in EVENTS or row["in_time"] == row["runs"]
    told = kind != "collector outage in one zone" or row["verdicts"].get(Culprit.UNKNOWN.value, 0)
    return bool(right and told) and not row["wrong_named"] and not row["wrong_left"]
