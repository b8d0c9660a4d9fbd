"""A host is measured against the median of the others, near ones where there are enough."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.detection.peer_ratios import log_ratios, median_of_others

LATENCIES = st.lists(st.tuples(st.floats(0.001, 1e9), st.integers(0, 3)), min_size=1, max_size=40)


@given(LATENCIES)
def test_the_median_of_the_others_is_what_leaving_each_out_gives(
    rows: list[tuple[float, int]],
) -> None:
    values = np.array([value for value, _ in rows])
    groups = np.array([group for _, group in rows], np.int64)
    medians, counts = median_of_others(values, groups)
    for place, (_, group) in enumerate(rows):
        others = [v for at, (v, g) in enumerate(rows) if g == group and at != place]
        assert len(others) == counts[place]
        if others:
            assert statistics.median(others) == pytest.approx(medians[place])
        else:
            assert math.isnan(medians[place])


def test_the_peers_of_a_host_are_its_zone_where_four_others_have_latency_there() -> None:
    """Zone 0 is twice as slow as zone 1 without standing out; zone 2 has too few hosts."""
    latency = np.array([20.0] * 5 + [40.0] + [10.0] * 6 + [30.0, 30.0])
    zones = np.array([0] * 6 + [1] * 6 + [2] * 2)
    ratios = np.exp(log_ratios(latency, zones))
    assert [1.0] * 5 + [2.0] == pytest.approx(ratios[:6])
    assert [1.0] * 6 == pytest.approx(ratios[6:12])
    # Of the 13 others the median is 20.
    assert [1.5, 1.5] == pytest.approx(ratios[12:])


def test_hosts_without_latency_or_without_peers_have_no_ratio() -> None:
    latency = np.array([np.nan, 0.0, 5.0, 5.0, 5.0, 5.0, 10.0])
    ratios = log_ratios(latency, np.zeros(7, np.int64))
    assert [True, True, False, False, False, False, False] == np.isnan(ratios).tolist()
    assert math.log(2.0) == pytest.approx(ratios[-1])
    assert np.isnan(log_ratios(latency[:6], np.zeros(6, np.int64))).all()
    assert 0 == log_ratios(np.zeros(0), np.zeros(0, np.int64)).size


@given(LATENCIES, st.floats(1e-6, 1e6))
def test_the_unit_of_latency_changes_nothing(rows: list[tuple[float, int]], unit: float) -> None:
    latency = np.array([value for value, _ in rows])
    zones = np.array([zone for _, zone in rows], np.int64)
    scaled = log_ratios(latency * unit, zones)
    np.testing.assert_allclose(scaled, log_ratios(latency, zones), atol=1e-9)
