"""Part (d), the null: 24 hours of a healthy fleet of 20,000 hosts, and nothing is done.

Ten requests a second and host, 0.1 % faults, uneven traffic and a daily wave: 17 billion requests.
All detectors and the decider, enforcing. One day for the first seed; the figures say what was told
of healthy hosts besides.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deploy.quality_suite.fleets import Counts, Pane, Simulated, thrown
from deploy.quality_suite.watching import watch

HOSTS = 20_000
WINDOWS = 8_640
RATE = 1e-3
REQUESTS_PER_PANE = 100.0
TRAFFIC_SPREAD = 0.3

Say = Callable[[str], None]


def run(
    *, seeds: Sequence[int], say: Say, windows: int = WINDOWS, hosts: int = HOSTS
) -> dict[str, Any]:
    """Watch a day of the first seed; say what was told, return the figures."""
    seed = seeds[0]
    hours = windows * 10 / 3600
    say(f"(d) null: seed {seed}, {hours:.1f} h of {hosts:,} healthy hosts")
    usual = _usual(seed, hosts)

    def draw(number: int, chance: np.random.Generator) -> Pane:
        wave = 1.0 + 0.5 * math.sin(2.0 * math.pi * number / WINDOWS)
        requests = np.rint(usual * wave)
        return Pane(requests, thrown(chance, requests, float(requests.sum()) * RATE))

    seen = watch(Simulated(hosts, draw, seed).slides(windows))
    passed = not seen.acted
    say("falls short of: " + ("nothing" if passed else f"! acted upon {sorted(seen.acted)}"))
    verdicts = Counter({kind.value: count for kind, count in seen.verdicts.items()})
    say(
        f"acted upon: {len(seen.acted)}; confirmed alarms: {len(seen.raised)}; hosts told pending: "
        f"{len(seen.told)}; windows with a verdict: {dict(verdicts)} of {windows:,}"
    )
    return {
        "hours": hours,
        "hosts": hosts,
        "acted": len(seen.acted),
        "confirmed_alarms": len(seen.raised),
        "told": len(seen.told),
        "verdicts": dict(verdicts),
        "passed": passed,
    }


def _usual(seed: int, hosts: int) -> Counts:
    weight = np.random.default_rng(seed + 1).lognormal(0.0, TRAFFIC_SPREAD, hosts)
    return weight / weight.mean() * REQUESTS_PER_PANE
