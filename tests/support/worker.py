"""A detector process under test: started with its environment, watched through its log lines."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.support.waiting import GENEROUS_SECONDS, STARTED, STOP_SECONDS, wait_for

DETECTOR = (sys.executable, "-m", "detector")


class DetectorProcess:
    """``detector <role>``, or another ``command``; log lines are kept as dictionaries, in order."""

    def __init__(
        self,
        role: str,
        env: Mapping[str, str],
        log_file: Path,
        command: Sequence[str] | None = None,
    ) -> None:
        self._command = list(command or (*DETECTOR, role))
        self._env = {**os.environ, "DETECTOR_TELEMETRY__METRICS_PORT": "0", **env}
        self._log_file = log_file
        self._process: subprocess.Popen[bytes] | None = None
        self._start_at = 0
        self.killed_at = 0.0
        """Epoch seconds of the last kill."""

    def start(self) -> Self:
        """Start the process; its log is appended to the same file every time."""
        STARTED.add(self._command[-1], self._log_file)
        self._start_at = self._log_file.stat().st_size if self._log_file.exists() else 0
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._env, stdout=log, stderr=log)
        return self

    @property
    def pid(self) -> int:
        """Process id of the running process."""
        assert self._process is not None
        return self._process.pid

    def events(self, *, since_start: bool = True) -> list[dict[str, Any]]:
        """Return the log lines of this run (or of all runs) that are JSON objects."""
        if not self._log_file.exists():
            return []
        raw = self._log_file.read_bytes()[self._start_at if since_start else 0 :]
        found = []
        for line in raw.decode(errors="replace").splitlines():
            if line.startswith("{"):
                try:
                    found.append(json.loads(line))
                except ValueError:
                    continue
        return found

    def wait_event(self, name: str) -> dict[str, Any]:
        """Wait for the log line with ``event`` equal to ``name`` and return it."""

        def look() -> dict[str, Any] | None:
            for event in self.events():
                if event.get("event") == name:
                    return event
            assert self.running, f"ended with {self.exit_code} before {name!r}: {self.tail()}"
            return None

        try:
            found: dict[str, Any] = wait_for(look, what=f"log event {name!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}; the log ends with: {self.tail()}") from error
        return found

    def tail(self) -> str:
        """Return the end of the log, for messages."""
        return self._log_file.read_text(errors="replace")[-3000:]

    @property
    def running(self) -> bool:
        """Say whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Exit status, ``None`` while it runs."""
        return None if self._process is None else self._process.poll()

    def wait(self) -> int:
        """Wait until the process ends by itself; return the exit status."""
        assert self._process is not None
        return self._process.wait(GENEROUS_SECONDS)

    def kill(self) -> None:
        """Kill -9."""
        assert self._process is not None
        self.killed_at = time.time()
        self._process.kill()
        self._process.wait(GENEROUS_SECONDS)

    def freeze(self) -> None:
        """SIGSTOP: the process stands still, its connections open."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: it goes on as if nothing had been."""
        os.kill(self.pid, signal.SIGCONT)

    def peak_mib(self) -> float:
        """Return the most memory that the running process has held at once (VmHWM), in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        [line] = [each for each in status.splitlines() if each.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024

    def terminate(self, *, number: signal.Signals = signal.SIGTERM) -> int:
        """Send SIGTERM (or another signal), and wait; return the exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(STOP_SECONDS)

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Leave nothing running."""
        if self.running:
            self.kill()
