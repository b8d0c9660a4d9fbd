"""How long tests wait for what must come, in one place, and what the processes they started logged.

A wait ends with its condition. The bound is there only so that a test that can never pass ends with
a message: it is many times what a loaded machine needs, and no test measures anything by it.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

GENEROUS_SECONDS = 120.0
"""The longest wait of every test, for anything. On a machine with a load of 30, waits of 30 s
failed; pytest ends a test after five of them (``timeout`` in pyproject.toml)."""

STOP_SECONDS = 12.0
"""The longest that a process may take to stop when it is asked to. Five seconds are promised, and
kept on an idle machine; what must not happen is a wait for the group's session, 15 s and more."""

SHOWN_LINES = 50
"""Lines of each process's log that a failing test leaves in its report."""


def wait_for(
    condition: Callable[[], Any],
    *,
    what: str,
    every: float = 0.05,
    seconds: float = GENEROUS_SECONDS,
) -> Any:
    """Return the first true value of ``condition``; fail after the bound with ``what``.

    Only benchmarks, which know how much work they wait for, give another bound.
    """
    pause = threading.Event()
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        pause.wait(every)


class StartedProcesses:
    """The log files of the processes that the running test has started."""

    def __init__(self) -> None:
        self._logs: dict[str, Path] = {}

    def add(self, name: str, log: Path) -> None:
        """Note that a process of this name logs to a file."""
        self._logs[f"{name} ({log.name})"] = log

    def forget(self) -> None:
        """Begin a new test."""
        self._logs.clear()

    def tails(self) -> dict[str, str]:
        """Return the last lines of each log."""
        return {
            name: "\n".join(log.read_text(errors="replace").splitlines()[-SHOWN_LINES:])
            for name, log in self._logs.items()
            if log.exists()
        }


STARTED = StartedProcesses()
