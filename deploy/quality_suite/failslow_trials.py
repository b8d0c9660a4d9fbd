"""What if: the peer-latency detector with other numbers, on the same records.

A trial reads the matrix of a cluster and not its events, so that a hundred of them take a minute;
with the shipped numbers it must find what the real way found.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from deploy.quality_suite.failslow_data import Cluster
from deploy.quality_suite.failslow_score import NEVER, Score, score
from detector.domain import detector_constants as constants
from detector.domain.fleet_noise import FleetNoise
from detector.domain.latency_tuning import SHIPPED, LatencyTuning
from detector.domain.peer_ratios import log_ratios
from detector.domain.slow_evidence import SlowEvidence

MOVED = (0.75, 1.25)
CHOICES = (10.0, 13.0, 17.0, 20.0, 23.0, 26.0, 30.0, 35.0, 40.0, 50.0)
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
            if isinstance(shipped, tuple):
                value = tuple(1.0 + (level - 1.0) * factor for level in shipped)
            else:
                value = shipped * factor
            yield f"{field.name} x {factor}", replace(SHIPPED, **{field.name: value})


def chosen_tunings() -> list[LatencyTuning]:
    """Return the tunings to choose from when one cluster is left out."""
    return [replace(SHIPPED, records_per_noise=value) for value in CHOICES]


def choose(scores: Sequence[Sequence[Score]]) -> int:
    """Return which tuning is best on some clusters: ``scores`` by tuning and cluster.

    Least mistakes (siblings left out) first, then the fastest median; of equals the most careful,
    which is the last.
    """

    def loss(number: int) -> tuple[int, float, int]:
        found = scores[number]
        wrong = sum(each.false_positives_tolerant + each.false_negatives for each in found)
        waits = [each.ttd_median_minutes for each in found]
        slowest = max(np.inf if wait is None else wait for wait in waits)
        return wrong, slowest, -number

    return min(range(len(scores)), key=loss)


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
