"""Quantiles of many contributors: logarithmic buckets whose counts add up.

The sketch of Masson, Rim and Lee (DDSketch: A fast and fully-mergeable quantile sketch with
relative-error guarantees, VLDB 2019): a value v falls into bucket ceil(log(v) / log(gamma)) with
gamma = (1 + a) / (1 - a), and the value of a bucket is the one within the factor 1 +- a of every
observation in it.

Law: every quantile is within ``RELATIVE_ERROR`` of the observation of that rank, for observations
from ``SMALLEST`` to ``LARGEST``; smaller ones count as 0, larger ones as ``LARGEST``. Merging adds
counts: it is exact, in any order, and the same observations always give the same buckets. This
rules out DataSketches: its sketches with an error bound are randomised, so a replayed pane would be
another record under the same identity, and its t-digest, which is not, has no error bound.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RELATIVE_ERROR = 0.01
SMALLEST = 1e-6
LARGEST = 1e12
_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_PER_LOG = 1 / math.log(_GAMMA)
FIRST_BUCKET = math.ceil(math.log(SMALLEST) * _PER_LOG)
LAST_BUCKET = math.ceil(math.log(LARGEST) * _PER_LOG)
ZERO_BUCKET = FIRST_BUCKET - 1
"""Bucket of 0 and of every value below ``SMALLEST``."""


def bucket_of(value: float) -> int:
    """Return the bucket of an observation, which must not be negative."""
    if value < SMALLEST:
        return ZERO_BUCKET
    if value >= LARGEST:
        return LAST_BUCKET
    return math.ceil(math.log(value) * _PER_LOG)


def value_of(buckets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the value that stands for each bucket."""
    values: NDArray[np.float64] = np.exp(buckets / _PER_LOG) * (2 / (1 + _GAMMA))
    return np.where(buckets <= ZERO_BUCKET, 0.0, values)


def quantiles(
    owners: NDArray[np.int64],
    buckets: NDArray[np.int64],
    weights: NDArray[np.float64],
    at: Sequence[float],
    count: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the observations of each owner (0 to ``count`` - 1) and a row of its percentiles.

    Each entry means ``weights`` observations of an owner in a bucket; entries of the same owner and
    bucket add up. The percentile p of n observations is the one of rank
    floor(p / 100 * (n - 1)), counted from 0. An owner without observations has 0 everywhere.
    """
    totals = np.bincount(owners, weights, count).astype(np.float64)
    values = np.zeros((count, len(at)))
    if not owners.size:
        return totals, values
    order = np.lexsort((buckets, owners))
    owners, buckets = owners[order], buckets[order]
    reached = np.cumsum(weights[order])
    before = np.concatenate(([0.0], np.cumsum(totals)[:-1]))
    ends = np.searchsorted(owners, np.arange(count), side="right") - 1
    observed = np.flatnonzero(totals > 0)
    for column, rank in enumerate(at):
        wanted = before[observed] + np.floor(rank / 100 * np.maximum(totals[observed] - 1, 0))
        # The first entry that reaches beyond the rank holds it; fractions may round past the last.
        found = np.minimum(np.searchsorted(reached, wanted, side="right"), ends[observed])
        values[observed, column] = value_of(buckets[found])
    return totals, values
