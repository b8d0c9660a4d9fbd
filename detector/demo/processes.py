"""The demo's own child processes: what they are told, when they are ready, and how they end.

Law: every child that was started is ended by its own process id, whatever happens in between.
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
    """Return the environment of a child: the parent's, but its settings are ``own`` alone.

    Temporary files of the child go to ``folder``; the package is found where this one was.
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
    """One ``detector`` subcommand running in ``folder``, its output in ``<name>.log`` there."""

    def __init__(
        self, name: str, arguments: list[str], *, env: dict[str, str], folder: Path
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._seen = 0
        self._is_ready = False
        self._output: IO[bytes] = self.log.open("wb")
        # An own session keeps a Ctrl-C at the terminal for the parent, which stops in order; the
        # folder as working directory keeps a detector.toml of the user out.
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
        """Tell whether it has logged the event ``ready``."""
        if not self._is_ready:
            with self.log.open("rb") as log:
                log.seek(self._seen)
                whole, _, _ = log.read().rpartition(b"\n")
            self._seen += len(whole) + 1 if whole else 0
            self._is_ready = any(map(_says_ready, whole.splitlines()))
        return self._is_ready

    def last_words(self, lines: int = 8) -> str:
        """Return the end of its log."""
        with self.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = log.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def ask_to_stop(self) -> None:
        """Send the signal to end, without waiting."""
        if self.returncode is None:
            self._process.terminate()

    def stop(self) -> None:
        """End it: by the signal that it obeys, after eight seconds by the one it cannot ignore."""
        self.ask_to_stop()
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()


class Children:
    """All children of one demo; use it as a context manager."""

    def __init__(self) -> None:
        self.running: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self.running:
            child.ask_to_stop()
        for child in self.running:
            child.stop()

    def add(self, child: Child) -> Child:
        """Take over a child that should run as long as the demo does."""
        self.running.append(child)
        return child

    def trouble(self) -> str:
        """Say which child ended by itself and what it said last; empty while all run."""
        for child in self.running:
            code = child.returncode
            if code is not None:
                return f"the {child.name} ended with code {code}; it said:\n{child.last_words()}"
        return ""


def _says_ready(line: bytes) -> bool:
    try:
        said = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return False
    return isinstance(said, dict) and said.get("event") == "ready"
