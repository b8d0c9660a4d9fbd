"""The only module that reads a clock; all other code gets the time as an argument.

Law: no other module calls ``time``. The wall clock may jump; the monotonic clock never goes back.
"""

import time


class Clock:
    """The wall clock and the monotonic clock of this machine."""

    def now(self) -> float:
        """Return the wall clock in seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds since an arbitrary point, unaffected by changes of the wall clock."""
        return time.monotonic()
