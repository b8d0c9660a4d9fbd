"""Verdicts of many alarms at once: the rules of ``verdicts.py`` over a matrix, a row an alarm.

Law: every row's verdict is that of ``judge``; a property test holds them together. Ten thousand
alarms are looked at in a few milliseconds, and only those that move are told in words.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.cloudwatch.alarms.verdicts import Comparison, MissingData, StateValue
from detector.detection.state_machine import Persistence

VERDICTS: Final = (None, StateValue.OK, StateValue.ALARM, StateValue.INSUFFICIENT_DATA)
"""What the codes of ``judge_rows`` stand for; ``None`` keeps the state."""
KEEP, OK, ALARM, INSUFFICIENT_DATA = range(4)
CODE_BY_STATE: Final = {StateValue.OK: OK, StateValue.ALARM: ALARM} | {
    StateValue.INSUFFICIENT_DATA: INSUFFICIENT_DATA
}
_COMPARE: Final = {
    Comparison.GREATER: np.greater,
    Comparison.GREATER_OR_EQUAL: np.greater_equal,
    Comparison.LESS: np.less,
    Comparison.LESS_OR_EQUAL: np.less_equal,
}

Matrix = NDArray[np.float64]


def judge_rows(
    values: Matrix,
    thresholds: NDArray[np.float64],
    comparison: Comparison,
    persistence: Persistence,
    missing: MissingData,
) -> NDArray[np.int8]:
    """Return a code of ``VERDICTS`` for every row.

    ``values``: alarms by periods, oldest first, ``nan`` where there is no datapoint;
    ``thresholds``: one an alarm.
    """
    real = ~np.isnan(values)
    # nan compares false, so that a missing datapoint never breaches.
    breach = _COMPARE[comparison](values, thresholds[:, np.newaxis])
    rank = np.cumsum(real[:, ::-1], axis=1)[:, ::-1]
    breaching = (breach & (rank <= persistence.seen)).sum(axis=1)
    count = real.sum(axis=1)
    short = np.maximum(persistence.seen - count, 0)
    if missing is MissingData.BREACHING:
        breaching += short
    verdicts = np.where(breaching >= persistence.required, ALARM, OK).astype(np.int8)
    if missing in {MissingData.BREACHING, MissingData.NOT_BREACHING}:
        return verdicts
    few = (short > 0) & (verdicts == OK)
    none = few & (count == 0)
    only_breaching = few & (count > 0) & (breach.sum(axis=1) == count)
    if missing is MissingData.IGNORE:
        verdicts[none | only_breaching] = KEEP
        return verdicts
    verdicts[none] = INSUFFICIENT_DATA
    oldest = values.shape[1] - real.argmax(axis=1)
    verdicts[only_breaching & (oldest >= persistence.required)] = ALARM
    return verdicts
