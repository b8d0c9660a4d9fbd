"""All arithmetic on event time: panes, windows, and the watermark of one source partition.

Law: event time is integer milliseconds since the epoch; every span is half-open ``[start, end)``
and panes are aligned to the epoch, so panes tile time without gap or overlap and a window is
always a whole number of panes.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WindowTimes:
    """Lengths of panes and windows, and the longest waits, in milliseconds.

    Bounds: ``pane_ms`` > 0, ``window_panes`` >= 1, the others >= 0; ``ValueError`` otherwise.
    """

    pane_ms: int = 10_000
    window_panes: int = 6
    lateness_ms: int = 5_000
    future_tolerance_ms: int = 60_000
    idle_ms: int = 5_000
    max_wait_ms: int = 30_000

    def __post_init__(self) -> None:
        """Check the bounds."""
        if self.pane_ms <= 0 or self.window_panes < 1:
            raise ValueError(
                f"pane_ms {self.pane_ms!r} and window_panes {self.window_panes!r} must be positive"
            )
        if min(self.lateness_ms, self.future_tolerance_ms, self.idle_ms, self.max_wait_ms) < 0:
            raise ValueError(
                "lateness, future tolerance, idle time and maximum wait must not be negative"
            )

    @property
    def window_ms(self) -> int:
        """Length of a window in milliseconds."""
        return self.pane_ms * self.window_panes

    def pane_of(self, time_ms: int) -> int:
        """Start of the pane that holds ``time_ms``."""
        return time_ms - time_ms % self.pane_ms

    def last_closed_pane(self, watermark_ms: int) -> int:
        """Start of the newest pane that ends at or before ``watermark_ms``."""
        return self.pane_of(watermark_ms) - self.pane_ms


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Half-open span ``[start_ms, end_ms)`` of event time."""

    start_ms: int
    end_ms: int

    @staticmethod
    def ending_with(pane_start_ms: int, times: WindowTimes) -> "Window":
        """Return the window whose newest pane starts at ``pane_start_ms``."""
        end = pane_start_ms + times.pane_ms
        return Window(end - times.window_ms, end)
