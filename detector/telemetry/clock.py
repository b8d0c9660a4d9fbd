"""The only module that reads a clock; everything else is told the time.

Law: nobody else calls ``time``. The wall clock may jump, the monotonic one never runs backwards.
"""

import time


class Clock:
    """The clocks of this machine."""

    def now(self) -> float:
        """Return the wall clock in seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds since some fixed moment, which no change of the wall clock moves."""
        return time.monotonic()
