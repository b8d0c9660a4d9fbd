"""M out of N datapoints: the state of a metric alarm, and how missing datapoints count.

Law: the result is a function of the evaluation range alone; ``None`` keeps the state. No alarm is
raised without a breaching datapoint unless missing data counts as breaching.

The evaluation range is the newest N periods and ``EXTRA_PERIODS`` older ones (the documentation
shows five periods for N = 3 and leaves the number open otherwise). With N or more datapoints in
it, the newest N decide and the mode is not used. With fewer, all of them count, and only the
difference to N is filled:

=============== ============================== ==================================================
mode            every period is missing        some are there, fewer than N
=============== ============================== ==================================================
breaching       ALARM                          the fill breaches
notBreaching    OK                             the fill does not breach
ignore          keep                           M breach: ALARM; only breaching ones: keep; else OK
missing         INSUFFICIENT_DATA              M breach: ALARM; or only breaching ones, and the
                                               oldest of them at least M periods old; else OK
=============== ============================== ==================================================

The last row prevents premature alarms: ``- - - - X`` and ``- - - X -`` wait (M = 3), ``- - X - -``
does not. Where the documented sentence and the documented tables differ (an older datapoint that
does not breach), the tables win: ``0 - X - -`` is OK, because otherwise "missing" would raise
alarms that "breaching" does not raise.

Source: CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data".

``evaluate_rows`` gives the same results for many alarms at once, one per row; a property test
compares the two. Ten thousand alarms take a few milliseconds.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.detection.persistence import Persistence

EXTRA_PERIODS: Final = 2
"""Periods before the newest N that belong to the range as well."""


class StateValue(StrEnum):
    """The state of a metric or composite alarm, in CloudWatch's words."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class MissingData(StrEnum):
    """What a period without a datapoint means (``TreatMissingData``)."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


class ComparisonOperator(StrEnum):
    """How a datapoint is compared with the threshold; the datapoint is on the left."""

    GREATER_OR_EQUAL = "GreaterThanOrEqualToThreshold"
    GREATER = "GreaterThanThreshold"
    LESS = "LessThanThreshold"
    LESS_OR_EQUAL = "LessThanOrEqualToThreshold"

    @property
    def sign(self) -> str:
        """The operator as reasons show it."""
        return _SIGNS[self]

    def breaches(self, value: float, threshold: float) -> bool:
        """Return whether ``value`` breaches ``threshold``."""
        if self is ComparisonOperator.GREATER:
            return value > threshold
        if self is ComparisonOperator.GREATER_OR_EQUAL:
            return value >= threshold
        if self is ComparisonOperator.LESS:
            return value < threshold
        return value <= threshold


_SIGNS: Final = {
    ComparisonOperator.GREATER_OR_EQUAL: ">=",
    ComparisonOperator.GREATER: ">",
    ComparisonOperator.LESS: "<",
    ComparisonOperator.LESS_OR_EQUAL: "<=",
}

Breaches = Sequence[bool | None]
"""Whether the datapoint of each period breaches, oldest first; ``None`` for a missing one."""


def evaluate_m_of_n(
    breaches: Breaches, persistence: Persistence, missing: MissingData
) -> StateValue | None:
    """Return the state that follows from the evaluation range; ``None`` keeps the present one."""
    real = [each for each in breaches if each is not None]
    if len(real) >= persistence.seen:
        return _counted(sum(real[-persistence.seen :]), persistence)
    if missing is MissingData.BREACHING:
        return _counted(sum(real) + persistence.seen - len(real), persistence)
    if missing is MissingData.NOT_BREACHING:
        return _counted(sum(real), persistence)
    if not real:
        return None if missing is MissingData.IGNORE else StateValue.INSUFFICIENT_DATA
    if sum(real) >= persistence.required:
        return StateValue.ALARM
    if not all(real):
        return StateValue.OK
    if missing is MissingData.IGNORE:
        return None
    return StateValue.ALARM if _oldest(breaches) >= persistence.required else StateValue.OK


def _counted(breaching: int, persistence: Persistence) -> StateValue:
    return StateValue.ALARM if breaching >= persistence.required else StateValue.OK


def _oldest(breaches: Breaches) -> int:
    """Age of the oldest datapoint in periods, the newest period being 1."""
    return next(len(breaches) - i for i, each in enumerate(breaches) if each is not None)


STATE_BY_CODE: Final = (None, StateValue.OK, StateValue.ALARM, StateValue.INSUFFICIENT_DATA)
"""The states of the codes of ``evaluate_rows``; ``None`` keeps the state."""
KEEP, OK, ALARM, INSUFFICIENT_DATA = range(4)
CODE_BY_STATE: Final = {StateValue.OK: OK, StateValue.ALARM: ALARM} | {
    StateValue.INSUFFICIENT_DATA: INSUFFICIENT_DATA
}
_COMPARE: Final = {
    ComparisonOperator.GREATER: np.greater,
    ComparisonOperator.GREATER_OR_EQUAL: np.greater_equal,
    ComparisonOperator.LESS: np.less,
    ComparisonOperator.LESS_OR_EQUAL: np.less_equal,
}

Matrix = NDArray[np.float64]


def evaluate_rows(
    values: Matrix,
    thresholds: NDArray[np.float64],
    comparison: ComparisonOperator,
    persistence: Persistence,
    missing: MissingData,
) -> NDArray[np.int8]:
    """Return an index into ``STATE_BY_CODE`` for every row.

    ``values``: alarms x periods, oldest first, ``nan`` where there is no datapoint;
    ``thresholds``: one per alarm.
    """
    real = ~np.isnan(values)
    # nan compares false, so a missing datapoint never breaches.
    breach = _COMPARE[comparison](values, thresholds[:, np.newaxis])
    rank = np.cumsum(real[:, ::-1], axis=1)[:, ::-1]
    breaching = (breach & (rank <= persistence.seen)).sum(axis=1)
    count = real.sum(axis=1)
    short = np.maximum(persistence.seen - count, 0)
    if missing is MissingData.BREACHING:
        breaching += short
    codes = np.where(breaching >= persistence.required, ALARM, OK).astype(np.int8)
    if missing in {MissingData.BREACHING, MissingData.NOT_BREACHING}:
        return codes
    few = (short > 0) & (codes == OK)
    none = few & (count == 0)
    only_breaching = few & (count > 0) & (breach.sum(axis=1) == count)
    if missing is MissingData.IGNORE:
        codes[none | only_breaching] = KEEP
        return codes
    codes[none] = INSUFFICIENT_DATA
    oldest = values.shape[1] - real.argmax(axis=1)
    codes[only_breaching & (oldest >= persistence.required)] = ALARM
    return codes
