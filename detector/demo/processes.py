"""The demo's child processes: their environment, readiness and end.

Law: every child that was started is ended, by its own process id, whatever happens in between.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Self

import msgspec

import detector

_PREFIX = "DETECTOR_"
_GRACE_SECONDS = 8.0
_TAIL_BYTES = 4_000


def child_environment(
    parent: Mapping[str, str], own: Mapping[str, str], folder: Path
) -> dict[str, str]:
    """Return the environment of a child: the parent's, with only the settings in ``own``.

    The child writes temporary files to ``folder`` and imports the same package as this process.
    """
    kept = {name: value for name, value in parent.items() if not name.startswith(_PREFIX)}
    source = str(Path(detector.__file__).parent.parent)
    path = [source, *filter(None, [kept.get("PYTHONPATH", "")])]
    return {
        **kept,
        **own,
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(folder),
    }


class Child:
    """One running ``detector`` subcommand; its output goes to ``<name>.log`` in ``folder``."""

    def __init__(
        self, name: str, arguments: list[str], *, env: dict[str, str], folder: Path
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._seen = 0
        self._is_ready = False
        self._output: IO[bytes] = self.log.open("wb")
        # In its own session the child does not get a Ctrl-C of the terminal; the parent stops it.
        # With ``folder`` as working directory it does not read the user's detector.toml.
        self._process = subprocess.Popen(  # noqa: S603 - our own argument list
            [sys.executable, "-m", "detector", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=folder,
            start_new_session=True,
        )

    @property
    def returncode(self) -> int | None:
        """Exit status, ``None`` while it runs."""
        return self._process.poll()

    @property
    def is_ready(self) -> bool:
        """Whether it has logged the event ``ready``."""
        if not self._is_ready:
            with self.log.open("rb") as log:
                log.seek(self._seen)
                whole, _, _ = log.read().rpartition(b"\n")
            self._seen += len(whole) + 1 if whole else 0
            self._is_ready = any(map(_is_ready_line, whole.splitlines()))
        return self._is_ready

    def log_tail(self, lines: int = 8) -> str:
        """Return the last lines of its log."""
        with self.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = log.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def terminate(self) -> None:
        """Send SIGTERM, without waiting."""
        if self.returncode is None:
            self._process.terminate()

    def stop(self) -> None:
        """End it: with SIGTERM, after eight seconds with SIGKILL."""
        self.terminate()
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()


class Children:
    """All children of one demo; a context manager that ends them."""

    def __init__(self) -> None:
        self.running: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self.running:
            child.terminate()
        for child in self.running:
            child.stop()

    def add(self, child: Child) -> Child:
        """Add a child that must run as long as the demo does."""
        self.running.append(child)
        return child

    def trouble(self) -> str:
        """Return which child exited and the end of its log; empty while all run."""
        for child in self.running:
            code = child.returncode
            if code is not None:
                end = f"the {child.name} exited with code {code}"
                return f"{end}; its last log lines:\n{child.log_tail()}"
        return ""


def _is_ready_line(line: bytes) -> bool:
    try:
        event = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return False
    return isinstance(event, dict) and event.get("event") == "ready"
