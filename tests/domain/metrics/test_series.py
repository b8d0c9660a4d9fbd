"""Facts about a series of datapoints."""

import numpy as np

from detector.domain.metrics.axis import Axis
from detector.domain.metrics.series import Series


def test_an_empty_series_is_missing_everywhere_and_zero_nowhere() -> None:
    empty = Series.empty()
    assert (np.int64, np.float64) == (empty.times.dtype, empty.values.dtype)
    [row] = Axis(0, 180_000, 60_000).grid_all([empty])
    assert [True] * 3 == np.isnan(row).tolist()
