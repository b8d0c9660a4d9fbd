"""Facts about a series of datapoints."""

import numpy as np

from detector.cloudwatch.metrics.axis import Axis
from detector.cloudwatch.metrics.series import Series


def test_an_empty_series_is_missing_everywhere_and_zero_nowhere() -> None:
    empty = Series.empty()
    assert ["int64", "float64"] == [empty.times.dtype.name, empty.values.dtype.name]
    [row] = Axis(0, 180_000, 60_000).grid_all([empty])
    assert [True] * 3 == np.isnan(row).tolist()
