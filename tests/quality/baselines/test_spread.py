"""The public construct's formulas, with the weaknesses that were found by running it."""

import numpy as np
import pytest

from deploy.quality_suite.baselines.spread import iqr_outliers, mad_outliers, z_score_outliers


def marked(found: np.ndarray) -> list[int]:
    return np.flatnonzero(found).tolist()


def test_a_z_score_of_three_zones_never_reaches_two(seed: int) -> None:
    chance = np.random.default_rng(seed)
    for _ in range(200):
        assert [] == marked(z_score_outliers(chance.exponential(100, 3), 2.0))
    assert [] == marked(z_score_outliers(np.full(5, 7.0)))
    assert [] == marked(z_score_outliers(np.zeros(0)))


def test_a_z_score_of_ten_reaches_three_at_the_edge() -> None:
    assert [9] == marked(z_score_outliers(np.array([0.0] * 9 + [1.0]), 2.999))
    assert [] == marked(z_score_outliers(np.array([0.0] * 8 + [1.0]), 2.999))


def test_mad_marks_all_when_all_are_the_same() -> None:
    assert [0, 1, 2] == marked(mad_outliers(np.zeros(3)))
    assert [4] == marked(mad_outliers(np.array([1.0, 2, 3, 4, 99])))
    assert [] == marked(mad_outliers(np.zeros(0)))


def test_iqr_marks_what_lies_above_tukey_s_fence() -> None:
    """Quartiles 2 and 4, fence at 7."""
    assert [] == marked(iqr_outliers(np.array([1.0, 2, 3, 4, 7])))
    assert [4] == marked(iqr_outliers(np.array([1.0, 2, 3, 4, 7.5])))
    assert [] == marked(iqr_outliers(np.zeros(0)))


@pytest.mark.parametrize("skew", [1.0, 10.0, 1000.0])
def test_iqr_of_three_zones_never_fires(skew: float) -> None:
    assert [] == marked(iqr_outliers(np.array([1.0, 1.0, skew])))
