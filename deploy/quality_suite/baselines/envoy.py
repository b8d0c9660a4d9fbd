"""Envoy's two statistical rules of outlier detection (outlier_detection.proto), per sweep.

Law: as in Envoy, without its ejection cap, which walks hosts in no order of badness.
"""

import numpy as np

from detector.detection.statistics import BoolArray, FloatArray, divide


def success_rate_outliers(
    requests: FloatArray,
    faults: FloatArray,
    *,
    minimum_hosts: int = 5,
    request_volume: float = 100.0,
    stdev_factor: float = 1.9,
) -> BoolArray:
    """Mark hosts whose success rate lies below the mean less ``stdev_factor`` population sd.

    Only hosts with ``request_volume`` requests count, and nobody is marked with fewer than
    ``minimum_hosts`` of them.
    """
    counted = requests >= request_volume
    marked = np.zeros(requests.size, np.bool_)
    if np.count_nonzero(counted) < minimum_hosts:
        return marked
    rate = 1.0 - faults[counted] / requests[counted]
    marked[counted] = rate < rate.mean() - stdev_factor * rate.std()
    return marked


def failure_percentage_outliers(
    requests: FloatArray,
    faults: FloatArray,
    *,
    minimum_hosts: int = 5,
    request_volume: float = 50.0,
    threshold: float = 85.0,
) -> BoolArray:
    """Mark hosts that fail ``threshold`` percent of at least ``request_volume`` requests."""
    counted = requests >= request_volume
    if np.count_nonzero(counted) < minimum_hosts:
        return np.zeros(requests.size, np.bool_)
    marked: BoolArray = counted & (100.0 * divide(faults, requests) >= threshold)
    return marked
