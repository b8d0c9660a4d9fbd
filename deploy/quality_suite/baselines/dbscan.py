"""DBSCAN (Ester et al. 1996) on one number for each host, and who is outside the largest cluster.

Theory of operation: on a line a point's neighbours within ``eps`` are a run of the sorted values,
so core points and clusters come from two binary searches and one pass, in n log n.
"""

import numpy as np

from detector.detection.statistics import BoolArray, FloatArray, IntArray

NOISE = -1


def dbscan(values: FloatArray, eps: float, min_points: int) -> IntArray:
    """Label every value with its cluster, from 0 in the order of the values, -1 for noise.

    A core point has ``min_points`` values within ``eps``, itself included. A point in reach of two
    clusters goes to the lower one.
    """
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    first = np.searchsorted(ranked, ranked - eps, side="left")
    last = np.searchsorted(ranked, ranked + eps, side="right")
    core = np.flatnonzero(last - first >= min_points)
    labels = np.full(values.size, NOISE, np.int64)
    if not core.size:
        return labels
    # Core points farther apart than eps begin another cluster.
    label = np.concatenate(([0], np.cumsum(np.diff(ranked[core]) > eps)))
    for number in range(int(label[-1]), -1, -1):
        members = core[label == number]
        labels[order[first[members[0]] : last[members[-1]]]] = number
    return labels


def dbscan_outliers(rates: FloatArray, tolerance: float = 3.0, min_points: int = 5) -> BoolArray:
    """Mark hosts above the largest cluster; eps is ``tolerance`` median distances to the median."""
    if rates.size < min_points:
        return np.zeros(rates.size, np.bool_)
    middle = float(np.median(rates))
    eps = tolerance * float(np.median(np.abs(rates - middle)))
    labels = dbscan(rates, eps, min_points)
    clusters, sizes = np.unique(labels[labels != NOISE], return_counts=True)
    if not clusters.size:
        return np.zeros(rates.size, np.bool_)
    normal = labels == clusters[int(np.argmax(sizes))]
    marked: BoolArray = ~normal & (rates > float(rates[normal].max()))
    return marked
