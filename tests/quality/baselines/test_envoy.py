"""Envoy's rules give the numbers of Envoy's own comments and defaults."""

import numpy as np

from deploy.quality_suite.baselines.envoy import failure_percentage_outliers, success_rate_outliers


def marked(found: np.ndarray) -> list[int]:
    return np.flatnonzero(found).tolist()


def test_the_example_in_envoy_s_source() -> None:
    """Success of 50, 100, 100, 100, 100 %: mean 90, sd 20, threshold 52."""
    requests = np.full(5, 100.0)
    assert [0] == marked(success_rate_outliers(requests, np.array([50.0, 0, 0, 0, 0])))
    # At 55 % mean 91, sd 18 and threshold 56.8; a smaller factor is stricter.
    assert [0] == marked(success_rate_outliers(requests, np.array([45.0, 0, 0, 0, 0])))
    loose = success_rate_outliers(requests, np.array([45.0, 0, 0, 0, 0]), stdev_factor=2.1)
    assert [] == marked(loose)


def test_too_few_hosts_or_requests_mark_nobody() -> None:
    faults = np.array([100.0, 0, 0, 0, 0])
    assert [] == marked(success_rate_outliers(np.full(5, 99.0), faults * 0.9))
    assert [] == marked(success_rate_outliers(np.full(4, 100.0), faults[:4]))
    assert [] == marked(failure_percentage_outliers(np.full(4, 100.0), faults[:4]))


def test_a_failure_percentage_of_85_is_reached_inclusively() -> None:
    requests = np.array([100.0, 100, 100, 100, 49, 100])
    faults = np.array([85.0, 84, 100, 0, 49, 0])
    assert [0, 2] == marked(failure_percentage_outliers(requests, faults))
