"""The results for many rows equal the results one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.cloudwatch.alarms.m_of_n import (
    CODE_BY_STATE,
    STATE_BY_CODE,
    ComparisonOperator,
    MissingData,
    StateValue,
    evaluate_m_of_n,
    evaluate_rows,
)
from detector.detection.persistence import Persistence

points = st.sampled_from([None, 0.0, 1.0, 2.0])


@given(
    st.integers(1, 9).flatmap(
        lambda width: st.lists(st.lists(points, min_size=width, max_size=width), min_size=1)
    ),
    st.integers(1, 6),
    st.integers(0, 4),
    st.sampled_from(ComparisonOperator),
    st.sampled_from(MissingData),
)
def test_every_row_has_the_result_of_its_own(
    rows: list[list[float | None]],
    required: int,
    more: int,
    comparison: ComparisonOperator,
    missing: MissingData,
) -> None:
    persistence = Persistence(required, required + more)
    thresholds = np.array([float(index % 3) for index in range(len(rows))])
    values = np.array([[np.nan if each is None else each for each in row] for row in rows])
    found = evaluate_rows(values, thresholds, comparison, persistence, missing)
    expected = [
        evaluate_m_of_n(
            [None if each is None else comparison.breaches(each, threshold) for each in row],
            persistence,
            missing,
        )
        for row, threshold in zip(rows, thresholds, strict=True)
    ]
    assert expected == [STATE_BY_CODE[code] for code in found]


@pytest.mark.parametrize("state", CODE_BY_STATE)
def test_every_state_has_its_code(state: StateValue) -> None:
    assert state == STATE_BY_CODE[CODE_BY_STATE[state]]
