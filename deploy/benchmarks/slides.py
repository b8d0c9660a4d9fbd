"""Merge and evaluation of one slide at 20,000 hosts in three zones, in this process.

All detectors are on and have something to look at: latency of every host, slow requests, failed
connections, a few callers, one host that fails and one that is slow.
"""

import random
import time
from collections.abc import Sequence

from detector.core.vocabulary import ClosedBy
from detector.detection.evaluate import EvaluateConfig, Evaluator
from detector.tables.merge import Merge
from detector.tables.pane_encoding import fleet_panes
from detector.tables.pane_records import TALLY_SCHEMA, PaneRecord
from detector.tables.windows import WindowTimes

HOSTS = 20_000
SOURCES = 4
PANES = 30
WARM = 8
FAULT_SHARE = 0.02
REQUESTS = 25
LATENCY_US = 20_000
GRAY_HOST, SLOW_HOST = 7, 11


def slide_ms(seed: int, *, hosts: int = HOSTS, panes: int = PANES) -> list[float]:
    """Return the milliseconds of each slide: four pane records applied, merged and evaluated."""
    times = WindowTimes()
    merge, evaluator = Merge(times, 50_000), Evaluator(EvaluateConfig())
    spent = []
    for pane in range(panes):
        records = [_record(source, pane * times.pane_ms, seed, hosts) for source in range(SOURCES)]
        begun = time.perf_counter()
        for record in records:
            merge.apply(record, float(pane))
        for slide in merge.advance(float(pane)):
            evaluator.evaluate(slide)
        spent.append((time.perf_counter() - begun) * 1000)
    return spent[WARM:]


def _record(source: int, pane_ms: int, seed: int, hosts: int) -> PaneRecord:
    chance = random.Random(seed * 1_000_003 + pane_ms + source)
    rows: dict[tuple[str, str, str], Sequence[float | str]] = {}
    callers: dict[tuple[str, str, str], dict[str, float]] = {}
    for host in range(hosts):
        zone = f"use1-az{host % 3 + 1}"
        faults = 10 if host == GRAY_HOST else int(chance.random() < FAULT_SHARE)
        slow, refused = int(chance.random() < FAULT_SHARE), int(chance.random() < FAULT_SHARE)
        latency = LATENCY_US * chance.lognormvariate(0.0, 0.05) * (2 if host == SLOW_HOST else 1)
        key = ("checkout", zone, f"i-{host:017x}")
        rows[key] = (
            *(REQUESTS, faults, slow, refused, pane_ms + 9000),
            *(round(latency * REQUESTS), REQUESTS, zone, ""),
        )
        if faults:
            callers[key] = {f"caller-{each % 7}": 1.0 for each in range(faults)}
    return PaneRecord(
        TALLY_SCHEMA, "logs", source, {"logs": SOURCES}, pane_ms, pane_ms, ClosedBy.WATERMARK,
        False, 0, 0, 0, fleet_panes(rows, callers), [],
    )  # fmt: skip
