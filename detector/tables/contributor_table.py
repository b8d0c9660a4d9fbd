"""The contributors of one rule while its pane is open."""

import json
from collections.abc import Callable
from typing import Protocol

from detector.rules.contribution import Contribution, Weighted
from detector.tables.ddsketch import bucket_of

Key = str | tuple[str, ...]
"""Key values of a contributor: the bare string where a rule has one key, else a tuple."""


class Sketch(Protocol):
    """The part of a DataSketches frequent-items sketch that a table uses."""

    def update(self, item: str, weight: int = 1, /) -> None:
        """Add weight to an item."""
        ...

    def serialize(self) -> bytes:
        """Return the portable form."""
        ...


class ContributorTable:
    """Contributors of one rule in one open pane: exact up to a limit, a sketch for later ones.

    A contributor that is in ``values`` stays exact for the whole pane; only keys first seen when
    the table was full go to the sketch, so the error bound covers ``sketch_weight`` alone.
    ``samples``, ``minimum`` and ``maximum`` are kept for rules that sum; a counting rule has one
    sample of 1 per event, which is derived when the pane closes.

    A rule with a measure has ``numerators`` or ``buckets`` beside its ``values``. What contributors
    bring that do not fit into its full table is only added up, in ``unheld``, because a part of a
    ratio or of a percentile is neither.
    """

    __slots__ = (
        "buckets", "maximum", "minimum", "numerators", "samples", "sketch", "sketch_weight",
        "unheld", "values",
    )  # fmt: skip

    def __init__(self) -> None:
        self.values: dict[Key, float] = {}
        self.samples: float = 0
        self.minimum = float("inf")
        self.maximum = float("-inf")
        self.sketch: Sketch | None = None
        self.sketch_weight: float = 0
        self.numerators: dict[Key, float] = {}
        self.buckets: dict[Key, dict[int, float]] = {}
        self.unheld: float = 0

    def insert(
        self, key: Key, value: float, *, limit: int, new_sketch: Callable[[], Sketch]
    ) -> None:
        """Add ``value`` to ``key``.

        The sketch counts whole units, so a fraction there is rounded up (an over-estimate).
        """
        if key in self.values:
            self.values[key] += value
        elif len(self.values) < limit:
            self.values[key] = value
        else:
            if self.sketch is None:
                self.sketch = new_sketch()
            weight = max(0, -int(-value // 1))
            self.sketch.update(sketch_item(key), weight)
            self.sketch_weight += weight

    def observe(self, samples: float, minimum: float, maximum: float) -> None:
        """Add to the sample count, minimum and maximum of the report."""
        self.samples += samples
        self.minimum = min(self.minimum, minimum)
        self.maximum = max(self.maximum, maximum)

    def add_measured(self, key: Key, contribution: Contribution, limit: int) -> bool:
        """Add to the rule's measure; return whether the contribution has one."""
        if contribution.numerator is not None:
            self.add_ratio(key, contribution.value, contribution.numerator, limit)
        elif contribution.observations is not None:
            capacity = min(limit, contribution.max_sketched)
            self.add_observations(key, contribution.value, contribution.observations, capacity)
        else:
            return False
        return True

    def add_ratio(self, key: Key, value: float, numerator: float, limit: int) -> None:
        """Add to both sides of a contributor's ratio."""
        if key in self.values or len(self.values) < limit:
            self.values[key] = self.values.get(key, 0.0) + value
            if numerator:
                self.numerators[key] = self.numerators.get(key, 0.0) + numerator
        else:
            self.unheld += value

    def add_observations(self, key: Key, value: float, observations: Weighted, limit: int) -> None:
        """Add observations of a contributor, ``value`` of them, to its buckets."""
        buckets = self.buckets.get(key)
        if not observations or (buckets is None and len(self.buckets) >= limit):
            self.unheld += value
            return
        if buckets is None:
            buckets = self.buckets[key] = {}
            self.values[key] = 0.0
        for observed, often in observations:
            bucket = bucket_of(observed)
            buckets[bucket] = buckets.get(bucket, 0.0) + often
        self.values[key] += value

    def add_observation(self, key: Key, observed: float, limit: int) -> None:
        """Observe one value and add it to a contributor's buckets."""
        self.samples += 1.0
        self.minimum = min(self.minimum, observed)
        self.maximum = max(self.maximum, observed)
        buckets = self.buckets.get(key)
        if buckets is None:
            self.add_observations(key, 1.0, ((observed, 1.0),), limit)
            return
        bucket = bucket_of(observed)
        buckets[bucket] = buckets.get(bucket, 0.0) + 1.0
        self.values[key] += 1.0


def sketch_item(key: Key) -> str:
    """Return the name of a contributor in the sketch: its key values as a JSON array."""
    return json.dumps([key] if isinstance(key, str) else list(key), ensure_ascii=False)
