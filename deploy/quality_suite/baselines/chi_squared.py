"""Chi-squared against a uniform expectation, as the public construct for zones applies it.

Law: every contributor is expected to have the same count, whatever its traffic, and the farthest
from it is marked, also when it has too few.
"""

import numpy as np
from scipy.special import chdtrc

from detector.detection.statistics import BoolArray, FloatArray


def chi_squared_outlier(counts: FloatArray, p_value: float = 0.05) -> BoolArray:
    """Mark the count farthest from the mean where the test over all rejects at ``p_value``."""
    marked = np.zeros(counts.size, np.bool_)
    total = float(counts.sum())
    if counts.size < 2 or total <= 0.0:  # noqa: PLR2004, a comparison needs two.
        return marked
    expected = total / counts.size
    statistic = float(((counts - expected) ** 2).sum()) / expected
    if float(chdtrc(counts.size - 1, statistic)) <= p_value:
        marked[int(np.argmax(np.abs(counts - expected)))] = True
    return marked
