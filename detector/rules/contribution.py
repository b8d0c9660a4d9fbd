"""What one event adds to one contributor under one rule."""

from dataclasses import dataclass

Weighted = tuple[tuple[float, float], ...]
"""Observations as (value, how often)."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one event adds to one contributor under one rule.

    ``samples`` counts its observations, ``minimum`` and ``maximum`` are the smallest and largest
    of them. Under a rule with a ratio, ``value`` is the denominator and ``numerator`` the
    numerator. Under a rule with percentiles, ``value`` counts the observations and
    ``observations`` holds them (empty where only their extremes are known); they are kept for at
    most ``max_sketched`` contributors of a pane.
    """

    keys: tuple[str, ...]
    value: float
    samples: float
    minimum: float
    maximum: float
    numerator: float | None = None
    observations: Weighted | None = None
    max_sketched: int = 0
