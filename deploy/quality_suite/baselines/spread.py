"""z-score, MAD and interquartile range, as the public construct for zones applies them to counts.

Source: the outlier detection function of cdklabs/cdk-multi-az-observability (Apache-2.0); ties and
missing guards included: MAD fires on values that are all the same.
"""

import numpy as np

from detector.detection.statistics import BoolArray, FloatArray


def z_score_outliers(values: FloatArray, threshold: float = 3.0) -> BoolArray:
    """Mark values ``threshold`` population sd above the mean; none where all are the same.

    Of n values none can exceed sqrt(n - 1), so three zones never reach 3.
    """
    spread = float(values.std()) if values.size else 0.0
    if spread <= 0.0:
        return np.zeros(values.size, np.bool_)
    marked: BoolArray = (values - values.mean()) / spread >= threshold
    return marked


def mad_outliers(values: FloatArray, threshold: float = 3.0) -> BoolArray:
    """Mark values of at least the median plus ``threshold`` median absolute deviations."""
    if not values.size:
        return np.zeros(0, np.bool_)
    middle = float(np.median(values))
    deviation = float(np.median(np.abs(values - middle)))
    marked: BoolArray = values >= middle + threshold * deviation
    return marked


def iqr_outliers(values: FloatArray, factor: float = 1.5) -> BoolArray:
    """Mark values above the third quartile plus ``factor`` interquartile ranges (Tukey)."""
    if not values.size:
        return np.zeros(0, np.bool_)
    low, high = np.percentile(values, [25, 75])
    marked: BoolArray = values > high + factor * (high - low)
    return marked
