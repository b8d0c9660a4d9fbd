"""What one event adds to one contributor under one rule."""

from dataclasses import dataclass

Weighted = tuple[tuple[float, float], ...]
"""Observations as (value, how often)."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one event adds to one contributor under one rule.

    ``samples`` counts its observations, ``minimum`` and ``maximum`` are the smallest and largest
    of them. Under a rule with a ratio ``value`` is the denominator and ``numerator`` what stands
    over it. Under a rule with percentiles ``value`` counts the observations, and ``observations``
    are they (empty where only their extremes are known), kept for at most ``most_sketched``
    contributors of a pane.
    """

    keys: tuple[str, ...]
    value: float
    samples: float
    minimum: float
    maximum: float
    numerator: float | None = None
    observations: Weighted | None = None
    most_sketched: int = 0
