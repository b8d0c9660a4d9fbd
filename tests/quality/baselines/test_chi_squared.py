"""Chi-squared against a uniform expectation: right arithmetic, wrong question."""

import numpy as np
import pytest

from deploy.quality_suite.baselines.chi_squared import chi_squared_outlier


def marked(found: np.ndarray) -> list[int]:
    return np.flatnonzero(found).tolist()


def test_the_farthest_is_marked_where_the_test_rejects() -> None:
    """[40, 20, 20]: E = 80/3, X2 = 10, p = exp(-5) = 0.0067 at two degrees of freedom."""
    counts = np.array([40.0, 20, 20])
    assert [0] == marked(chi_squared_outlier(counts))
    assert [0] == marked(chi_squared_outlier(counts, np.exp(-5.0) * 1.001))
    assert [] == marked(chi_squared_outlier(counts, np.exp(-5.0) * 0.999))


def test_a_zone_with_too_few_faults_is_marked_too() -> None:
    assert [2] == marked(chi_squared_outlier(np.array([100.0, 100, 10])))


@pytest.mark.parametrize("counts", [[], [5.0], [0.0, 0.0]])
def test_without_a_comparison_nothing_is_marked(counts: list[float]) -> None:
    assert [] == marked(chi_squared_outlier(np.array(counts)))
