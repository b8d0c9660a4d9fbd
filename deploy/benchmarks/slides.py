"""Merge and evaluation of one slide at 20,000 hosts in three zones, in this process."""

import random
import time
from collections.abc import Sequence

from detector.domain.tallies import TALLY_SCHEMA, PaneRecord
from detector.domain.tally_columns import fleet_panes
from detector.domain.vocabulary import ClosedBy
from detector.domain.windows import WindowTimes
from detector.stages.evaluate import EvaluateConfig, Evaluator
from detector.stages.merge import Merge

HOSTS = 20_000
SOURCES = 4
PANES = 30
WARM = 8
FAULT_SHARE = 0.02


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
            evaluator.see(slide)
        spent.append((time.perf_counter() - begun) * 1000)
    return spent[WARM:]


def _record(source: int, pane_ms: int, seed: int, hosts: int) -> PaneRecord:
    chance = random.Random(seed * 1_000_003 + pane_ms + source)
    rows: dict[tuple[str, str, str], Sequence[float | str]] = {}
    for host in range(hosts):
        zone = f"use1-az{host % 3 + 1}"
        faults = int(chance.random() < FAULT_SHARE)
        key = ("checkout", zone, f"i-{host:017x}")
        rows[key] = (25, faults, 0, 0, pane_ms + 9000, zone, "")
    return PaneRecord(
        TALLY_SCHEMA, "logs", source, {"logs": SOURCES}, pane_ms, pane_ms, ClosedBy.WATERMARK,
        False, 0, 0, 0, fleet_panes(rows, {}), [],
    )  # fmt: skip
