"""Part (d), the null: 24 hours of a healthy fleet of 20,000 hosts, and nothing is done.

Ten requests a second and host, 0.1 % faults, uneven traffic and a daily wave: 17 billion requests.
All detectors and the decider, enforcing. The figures say what was told of healthy hosts besides.
"""

import math

import numpy as np
from rich.table import Table

from deploy.quality_suite.fleets import PANE_MS, Counts, Pane, Simulated, thrown
from deploy.quality_suite.parts import Options, Result
from deploy.quality_suite.watching import watch

SEED = 0
HOSTS = 20_000
WINDOWS = 8_640
QUICK_WINDOWS = 360
RATE = 1e-3
REQUESTS_PER_PANE = 100.0
TRAFFIC_SPREAD = 0.3


def measure(options: Options) -> Result:
    """Watch a day, or with ``quick`` an hour."""
    windows = QUICK_WINDOWS if options.quick else WINDOWS
    options.say(f"null: seed {SEED}, {windows * PANE_MS / 3_600_000:.0f} h of {HOSTS:,} hosts")
    usual = _usual(SEED, HOSTS)

    def draw(number: int, chance: np.random.Generator) -> Pane:
        wave = 1.0 + 0.5 * math.sin(2.0 * math.pi * number / WINDOWS)
        requests = np.rint(usual * wave)
        return Pane(requests, thrown(chance, requests, float(requests.sum()) * RATE))

    seen = watch(Simulated(HOSTS, draw, SEED).slides(windows))
    figures = {
        "hours": windows * PANE_MS / 3_600_000,
        "hosts": HOSTS,
        "acted": len(seen.acted),
        "confirmed_alarms": len(seen.raised),
        "told": len(seen.told),
        "verdicts": {kind.value: count for kind, count in seen.verdicts.items()},
    }
    table = Table(*figures, title="A healthy fleet")
    table.add_row(*(str(each) for each in figures.values()))
    short = [f"acted upon {'/'.join(key)}" for key in sorted(seen.acted)]
    return Result({"null": figures}, [table], short)


def _usual(seed: int, hosts: int) -> Counts:
    weight = np.random.default_rng(seed + 1).lognormal(0.0, TRAFFIC_SPREAD, hosts)
    usual: Counts = weight / weight.mean() * REQUESTS_PER_PANE
    return usual
