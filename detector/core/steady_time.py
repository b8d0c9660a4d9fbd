"""One moment as two clocks read it, so that a jump of the wall clock buys nothing."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SteadyTime:
    """One moment on two clocks: ``wall`` is epoch seconds, ``monotonic`` counts from any start.

    Both in seconds and finite; ``ValueError`` otherwise.
    """

    wall: float
    monotonic: float

    def __post_init__(self) -> None:
        """Refuse readings that no clock gives and no comparison survives."""
        if not (math.isfinite(self.wall) and math.isfinite(self.monotonic)):
            raise ValueError(
                f"clock readings must be finite, found {self.wall!r} and {self.monotonic!r}"
            )
