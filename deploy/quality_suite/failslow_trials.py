"""What if: the peer-latency detector with other numbers, on the same records.

A trial reads the matrix of a cluster and not its events, so that a hundred of them take a minute;
with the shipped numbers it must find what the real way found.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deploy.quality_suite.failslow_data import Cluster
from deploy.quality_suite.failslow_score import NEVER, Score, score, shortfalls
from detector.detection import constants
from detector.detection.fleet_noise import SHIPPED, FleetNoise, LatencyTuning
from detector.detection.peer_ratios import log_ratios
from detector.detection.slow_evidence import SlowEvidence

MOVED = (0.75, 1.25)
CHOICES = (4.0, 5.0, 6.3, 8.0, 10.0, 12.5, 16.0, 20.0, 25.0, 32.0)
"""What ``records_per_noise`` may be when it is chosen on some clusters to be judged on another."""


def ratios_of(cluster: Cluster) -> NDArray[np.float64]:
    """Return the logarithms of the ratios to the peers, by recorded minute and device."""
    zones = sorted(set(cluster.zones))
    index = np.array([zones.index(zone) for zone in cluster.zones], np.int64)
    return np.array([log_ratios(row, index) for row in cluster.matrix()])


def first_alarms(
    ratios: NDArray[np.float64], cluster: Cluster, tuning: LatencyTuning = SHIPPED
) -> NDArray[np.int64]:
    """Return the minute in which each device is first found slow, ``NEVER`` where it is not."""
    keys = [*zip(cluster.zones, cluster.hosts, strict=True)]
    row_by_key = {key: row for row, key in enumerate(keys)}
    evidence = SlowEvidence(noise=FleetNoise(tuning=tuning))
    first = np.full(len(keys), NEVER, np.int64)
    for minute, row in enumerate(ratios):
        evidence.read(
            row,
            row_by_key,
            room=constants.LATENCY_REMEMBERED,
            panel_room=constants.LATENCY_PANELS_IN_ALL,
        )
        for key in evidence.slow():
            if first[row_by_key[key]] == NEVER:
                first[row_by_key[key]] = minute
    return first


def moved_tunings() -> Iterator[tuple[str, LatencyTuning]]:
    """Move every number by a quarter, one at a time; levels by their distance from 1."""
    yield "as shipped", SHIPPED
    for field in fields(SHIPPED):
        shipped = getattr(SHIPPED, field.name)
        for factor in MOVED:
            value: Any = (
                tuple(1.0 + (level - 1.0) * factor for level in shipped)
                if isinstance(shipped, tuple)
                else shipped * factor
            )
            moved: dict[str, Any] = {field.name: value}
            yield f"{field.name} x {factor}", replace(SHIPPED, **moved)


def chosen_tunings() -> list[LatencyTuning]:
    """Return the tunings to choose from when one cluster is left out."""
    return [replace(SHIPPED, records_per_noise=value) for value in CHOICES]


def choose(scores: Sequence[Sequence[Score]]) -> int:
    """Return which tuning to take by some clusters alone: ``scores`` by tuning and cluster.

    The middle of those that reach on each of these clusters all that must be reached, because a
    wide range says that the exact value does not matter; if none does, the fewest mistakes.
    """
    reaching = [
        number for number, row in enumerate(scores) if not any(shortfalls(each) for each in row)
    ]
    if reaching:
        return reaching[len(reaching) // 2]
    return min(range(len(scores)), key=lambda number: sum(map(_mistakes, scores[number])))


def _mistakes(found: Score) -> int:
    return found.false_positives_tolerant + found.false_negatives


def judged(clusters: Sequence[Cluster], tunings: Sequence[LatencyTuning]) -> list[list[Score]]:
    """Return the scores by tuning and cluster; uses all processors."""
    ratios = [ratios_of(cluster) for cluster in clusters]
    with ProcessPoolExecutor() as pool:
        runs = [
            pool.submit(partial(_judge, ratios[number], cluster, tuning))
            for tuning in tunings
            for number, cluster in enumerate(clusters)
        ]
        scores = [run.result() for run in runs]
    return [scores[at : at + len(clusters)] for at in range(0, len(scores), len(clusters))]


def _judge(ratios: NDArray[np.float64], cluster: Cluster, tuning: LatencyTuning) -> Score:
    return score(cluster, first_alarms(ratios, cluster, tuning))
