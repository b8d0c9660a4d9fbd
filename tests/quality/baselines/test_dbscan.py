"""Our DBSCAN on a line clusters as scikit-learn's does; who is above the largest one is marked."""

import numpy as np
import pytest
from sklearn.cluster import DBSCAN

from deploy.quality_suite.baselines.dbscan import NOISE, dbscan, dbscan_outliers


def partition(labels: np.ndarray, points: np.ndarray) -> set[frozenset[int]]:
    """Return the clusters as sets of the given points."""
    return {
        frozenset(np.flatnonzero((labels == label) & points).tolist())
        for label in set(labels[points].tolist()) - {NOISE}
    }


@pytest.mark.parametrize("min_points", [1, 2, 3, 5])
def test_core_points_and_noise_are_those_of_scikit_learn(min_points: int, seed: int) -> None:
    """A border point in reach of two clusters may go to either, so only core points must agree."""
    chance = np.random.default_rng(seed)
    for _ in range(100):
        values = np.round(chance.exponential(10.0, int(chance.integers(1, 60))), 1)
        eps = float(chance.uniform(0.05, 3.0)) + 0.03
        peer = DBSCAN(eps=eps, min_samples=min_points).fit(values.reshape(-1, 1))
        ours = dbscan(values, eps, min_points)
        core = np.zeros(values.size, np.bool_)
        core[peer.core_sample_indices_] = True
        assert partition(peer.labels_, core) == partition(ours, core)
        assert np.array_equal(peer.labels_ == NOISE, ours == NOISE)


def test_hosts_above_the_largest_cluster_are_marked_and_none_below() -> None:
    rates = np.array([0.010, 0.011, 0.012, 0.013, 0.014, 0.015, 0.5, 0.0])
    assert [6] == np.flatnonzero(dbscan_outliers(rates)).tolist()


@pytest.mark.parametrize("rates", [[0.1] * 3, [0.0, 1.0, 4.0, 9.0, 16.0, 25.0, 36.0, 900.0]])
def test_too_few_hosts_or_no_cluster_mark_nobody(rates: list[float]) -> None:
    assert not dbscan_outliers(np.array(rates), tolerance=0.01).any()
