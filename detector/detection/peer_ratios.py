"""How much slower a host answers than its peers: the logarithm of its ratio to their median.

Law: multiplying every latency by a constant changes nothing, and neither do names. A host is never
its own peer, so a slow host in a small zone does not raise its own baseline.

Peers are the other hosts of the same zone. Hosts of one zone (or node, or cell) share machines,
neighbours and distances, so a zone that is slow as a whole makes none of its hosts stand out. Where
fewer than ``LATENCY_LEAST_PEERS`` others of the zone have a latency, all other hosts of the fleet
are the peers.
"""

import numpy as np

from detector.detection import constants
from detector.detection.statistics import FloatArray, IntArray


def log_ratios(latency: FloatArray, zone_index: IntArray) -> FloatArray:
    """Return ln(latency / median of the peers) by host; NaN where either is unknown.

    ``latency`` is the mean of each host in any unit, NaN where none was logged. The logarithm is
    natural: 0.22 is 25 % slower. Takes about 3 ms for 20,000 hosts.
    """
    ratios = np.full(latency.size, np.nan)
    known = np.flatnonzero(latency > 0.0)
    values = np.log(latency[known])
    least = constants.LATENCY_LEAST_PEERS
    near, peers = median_of_others(values, zone_index[known])
    far, others = median_of_others(values, np.zeros(known.size, np.int64))
    ratios[known] = np.where(
        peers >= least, values - near, np.where(others >= least, values - far, np.nan)
    )
    return ratios


def median_of_others(values: FloatArray, groups: IntArray) -> tuple[FloatArray, IntArray]:
    """Return, for each value, the median of the others in its group and how many others there are.

    The median is NaN where there are none.
    """
    order = np.lexsort((values, groups))
    ordered, sorted_groups = values[order], groups[order]
    starts = np.searchsorted(sorted_groups, sorted_groups, side="left")
    others = np.searchsorted(sorted_groups, sorted_groups, side="right") - starts - 1
    rank = np.arange(values.size) - starts
    # Leaving the host out: an index at or above its rank means the next value of the group.
    last = max(values.size - 1, 0)
    below, above = (others - 1) // 2, others // 2
    lower, upper = (
        ordered.take(np.clip(starts + other + (other >= rank), 0, last)) for other in (below, above)
    )
    medians = np.empty(values.size)
    counts = np.empty(values.size, np.int64)
    medians[order] = np.where(others > 0, (lower + upper) / 2.0, np.nan)
    counts[order] = others
    return medians, counts
