"""One moment as two clocks show it, so a jump of the wall clock cannot refill a budget."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SteadyTime:
    """One moment on two clocks: ``wall`` since the epoch, ``monotonic`` since an arbitrary start.

    Both are in seconds and must be finite; ``ValueError`` otherwise.
    """

    wall: float
    monotonic: float

    def __post_init__(self) -> None:
        """Refuse NaN and infinity, which no clock returns and which break comparisons."""
        if not (math.isfinite(self.wall) and math.isfinite(self.monotonic)):
            raise ValueError(
                f"clock readings must be finite, found {self.wall!r} and {self.monotonic!r}"
            )
