"""Operators over series with gaps: how missing datapoints count.

Source of every rule, unless it says "ours": Amazon CloudWatch User Guide, "Using metric math".

=========================== ===========================================================
two series                  a side without a datapoint counts as 0; none on both: none
a series and a scalar       a datapoint where the series has one
two scalars                 one scalar; without a value on either side: none (ours)
division by zero            the datapoint is dropped
other results not finite    dropped too: an even root of a negative, an overflow. The guide does
                            not say; CloudWatch reports "data-points have been dropped due to
                            non-numeric values" (grafana/grafana issue 78608)
``== != < > <= >=``         1 or 0 by the rules above
``AND OR``                  1 or 0; every number but 0 is true
unary ``-``                 a datapoint where there is one
=========================== ===========================================================

All functions take arrays over an axis (``axis.py``) and never change them.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from detector.cloudwatch.metrics.axis import Values

Operator = Callable[[Values, Values], Values]


def _both(left: Values, right: Values) -> Values:
    return _numbers((left != 0) & (right != 0))


def _either(left: Values, right: Values) -> Values:
    return _numbers((left != 0) | (right != 0))


def _compared(compare: Callable[[Values, Values], NDArray[np.bool_]]) -> Operator:
    return lambda left, right: _numbers(compare(left, right))


def _numbers(truth: NDArray[np.bool_]) -> Values:
    return np.asarray(truth, dtype=np.float64)


OPERATORS: Mapping[str, Operator] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
    "==": _compared(np.equal),
    "!=": _compared(np.not_equal),
    "<": _compared(np.less),
    ">": _compared(np.greater),
    "<=": _compared(np.less_equal),
    ">=": _compared(np.greater_equal),
    "AND": _both,
    "OR": _either,
}

_CARRIES_NAN = frozenset("+-*/")
"""Operators whose result is ``nan`` whenever one side is."""


def between_series(operator: str, left: Values, right: Values) -> Values:
    """Combine two series: a missing side counts as 0."""
    combine = OPERATORS[operator]
    if operator in _CARRIES_NAN:
        result = combine(left, right)
        if np.isfinite(result).all():
            return result
    no_left, no_right = np.isnan(left), np.isnan(right)
    result = combine(np.where(no_left, 0.0, left), np.where(no_right, 0.0, right))
    return np.where((no_left & no_right) | ~np.isfinite(result), np.nan, result)


def with_scalar(operator: str, left: Values, right: Values) -> Values:
    """Combine where at least one side is a scalar: missing stays missing."""
    result = OPERATORS[operator](left, right)
    if operator in _CARRIES_NAN:
        return only_finite(result)
    return np.where(np.isnan(left) | np.isnan(right) | ~np.isfinite(result), np.nan, result)


def only_finite(values: Values) -> Values:
    """Replace values that are not finite by ``nan``."""
    finite = np.isfinite(values)
    return values if finite.all() else np.where(finite, values, np.nan)
